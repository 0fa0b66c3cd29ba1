// Rules of this house that oxlint has no rule for. Loaded by .oxlintrc.json as the plugin `house`.

interface Node {
  type: string;
  [field: string]: unknown;
}
interface RuleContext {
  filename: string;
  options: unknown[];
  report(finding: { node: Node; message: string }): void;
}
interface Rule {
  meta: { type: 'problem'; schema: unknown };
  create(context: RuleContext): Record<string, (node: Node) => void>;
}

interface Confined {
  package: string;
  // Paths from the repository's root. A value other than "*" lists the subpaths of the package a file may have.
  files: Record<string, '*' | string[]>;
}

// A package that only some files may load, however they do: import, export from, type imports, import(),
// require and require.resolve. oxlint's no-restricted-imports sees static imports alone.
const confinedPackages: Rule = {
  meta: { type: 'problem', schema: false },
  create(context) {
    const confined = context.options as Confined[];
    const file = context.filename.replaceAll('\\', '/');

    const check = (node: Node, specifier: unknown): void => {
      const name = literalText(specifier);
      if (name === undefined) return;
      for (const { package: packageName, files } of confined) {
        if (name !== packageName && !name.startsWith(`${packageName}/`)) continue;
        const subpath = name.slice(packageName.length + 1);
        const allowed = Object.entries(files).some(
          ([path, subpaths]) =>
            file.endsWith(`/${path}`) &&
            (subpaths === '*' || subpaths.some((one) => subpath === one || subpath.startsWith(`${one}/`))),
        );
        if (allowed) continue;
        const message = `Only ${Object.keys(files).join(' and ')} may load '${name}'.`;
        context.report({ node, message });
      }
    };

    const loaders = new Set<string>(); // variables that hold what createRequire returned

    return {
      VariableDeclarator: (node) => {
        const { id, init } = node as Node & { id: Node; init: Node | null };
        if (init !== null && makesLoader(init) && id.type === 'Identifier') loaders.add(id['name'] as string);
      },
      ImportDeclaration: (node) => check(node, node['source']),
      ExportAllDeclaration: (node) => check(node, node['source']),
      ExportNamedDeclaration: (node) => check(node, node['source']),
      ImportExpression: (node) => check(node, node['source']),
      TSImportType: (node) => check(node, node['source'] ?? node['argument']),
      TSExternalModuleReference: (node) => check(node, node['expression']),
      CallExpression: (node) => {
        if (loadsModules(node['callee'] as Node, loaders)) check(node, (node['arguments'] as Node[])[0]);
      },
    };
  },
};

// `require(…)`, `require.resolve(…)`, the same on what createRequire returned, and `vi.mock(…)`.
function loadsModules(callee: Node, loaders: ReadonlySet<string>): boolean {
  if (makesLoader(callee)) return true;
  const name = callee['name'];
  if (callee.type === 'Identifier') return name === 'require' || loaders.has(name as string);
  if (callee.type !== 'MemberExpression') return false;
  const object = callee['object'] as Node;
  const property = String((callee['property'] as Node)['name']);
  return object['name'] === 'vi' ? /^(do)?mock$/i.test(property) : loadsModules(object, loaders);
}

function makesLoader({ type, callee }: Node): boolean {
  return type === 'CallExpression' && (callee as Node)['name'] === 'createRequire';
}

function literalText(node: unknown): string | undefined {
  if (typeof node !== 'object' || node === null) return undefined;
  const { type, value, quasis, expressions, literal } = node as Node;
  if (type === 'Literal' && typeof value === 'string') return value;
  if (type === 'TSLiteralType') return literalText(literal);
  if (type === 'TemplateLiteral' && (expressions as Node[]).length === 0)
    return ((quasis as Node[])[0]!['value'] as { cooked: string }).cooked;
  return undefined;
}

export default {
  meta: { name: 'house' },
  rules: { 'confined-packages': confinedPackages },
};
