import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { expect } from 'vitest';

/** Holds an answer of a gateway against its own document: one that is not described is a fault. */
export type ValidateAnswer = (method: string, path: string, status: number, body: unknown) => void;

interface OpenApi {
  paths: Record<string, Record<string, unknown>>;
}

export async function documentValidator(url: string): Promise<ValidateAnswer> {
  const document = (await (await fetch(`${url}/openapi.json`)).json()) as OpenApi;
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema(document, 'openapi');
  const templates = Object.keys(document.paths).map((path) => ({
    path,
    // What is spelt out wins over what is in braces.
    variables: path.split('{').length,
    pattern: new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`),
  }));
  templates.sort((a, b) => a.variables - b.variables);
  const schemaAt = (...parts: string[]): ValidateFunction | undefined => {
    const pointer = parts.map((part) => part.replaceAll('~', '~0').replaceAll('/', '~1')).join('/');
    return ajv.getSchema(`openapi#/${pointer}`);
  };
  return (method, path, status, body) => {
    const template = templates.find(({ pattern }) => pattern.test(path))?.path;
    const operation = template === undefined ? undefined : document.paths[template]?.[method.toLowerCase()];
    // No such path, or no such method there: what then comes is said once for all.
    const isElsewhere = operation === undefined && (status === 404 || status === 405);
    const check = isElsewhere
      ? schemaAt('components', 'schemas', 'Error')
      : schemaAt(
          'paths',
          template ?? path,
          method.toLowerCase(),
          'responses',
          String(status),
          'content',
          'application/json',
          'schema',
        );
    if (!check)
      throw new Error(
        `${method} ${path} answered ${status}, of which the document says nothing: ${JSON.stringify(body)}`,
      );
    const holds = check(body);
    expect(
      holds,
      `${method} ${path} ${status}: ${ajv.errorsText(check.errors)} ${JSON.stringify(body)}`,
    ).toBe(true);
  };
}
