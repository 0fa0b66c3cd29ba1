import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

export interface ComposeService {
  image: string;
  build?: { context: string; dockerfile: string };
  command?: string[];
  environment?: Record<string, string | number>;
  user?: string;
  init?: boolean;
  container_name?: string;
  ports?: string[];
  volumes?: string[];
  profiles?: string[];
  read_only?: boolean;
  cap_drop?: string[];
  depends_on?: string[] | Record<string, { condition: string }>;
}

export interface ComposeFile {
  services: Record<string, ComposeService>;
}

/** The file as Docker Compose sees it with these variables; throws for a `:?` that is not satisfied. */
export function readCompose(path: string, variables: NodeJS.ProcessEnv): ComposeFile {
  return interpolate(parse(readFileSync(path, 'utf8'), { merge: true }), variables) as ComposeFile;
}

const reference = /\$\{(\w+)(?:(:?[-?])([^}]*))?\}/g;

function interpolate(value: unknown, variables: NodeJS.ProcessEnv): unknown {
  if (typeof value === 'string')
    return value.replace(reference, (_, name: string, operator = '', argument = '') =>
      valueOf(variables[name], name, operator, argument),
    );
  if (Array.isArray(value)) return value.map((item) => interpolate(item, variables));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, interpolate(item, variables)]),
  );
}

function valueOf(value: string | undefined, name: string, operator: string, argument: string): string {
  const absent = value === undefined || (operator.startsWith(':') && value === '');
  if (!absent) return value;
  if (operator.endsWith('?')) throw new Error(`${name}: ${argument}`);
  return operator.endsWith('-') ? argument : '';
}

/** Every variable that the file mentions. */
export function variablesOf(path: string): string[] {
  const text = readFileSync(path, 'utf8').replaceAll(/^\s*#.*$/gm, '');
  return [...new Set([...text.matchAll(reference)].flatMap(([, name]) => name ?? []))].toSorted();
}

/** KEY=value lines; `commented` ones, as #KEY=value, as well when asked for. */
export function readEnvironmentFile(text: string, options: { commented: boolean }): Record<string, string> {
  const pattern = options.commented ? /^#?([A-Z][A-Z0-9_]*)=(.*)$/gm : /^([A-Z][A-Z0-9_]*)=(.*)$/gm;
  return Object.fromEntries([...text.matchAll(pattern)].map(([, name, value]) => [name, value]));
}
