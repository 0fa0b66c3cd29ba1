import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { gatewayRoutes } from '../gateway.ts';
import { openMesh, type Mesh } from '../mesh.ts';
import type { HttpRoute } from '../http/routing.ts';

interface Operation {
  operationId: string;
  tags: string[];
  summary: string;
  responses: Record<string, object>;
  parameters?: { name: string; in: string }[];
}

interface Document {
  tags: { name: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, object>; securitySchemes: object };
}

const NOWHERE = '127.0.0.1:9';

let mesh: Mesh;
let routes: HttpRoute[];
let document: Document;
beforeAll(async () => {
  mesh = openMesh(
    {
      sessionPool: NOWHERE,
      accountAuth: NOWHERE,
      messaging: NOWHERE,
      proxyRegistry: NOWHERE,
      engagement: NOWHERE,
    },
    {},
  );
  const settings = { httpLease: { ttlMs: 1_000, quarantineMs: 0 }, version: '1.2.3' };
  ({ routes } = gatewayRoutes(mesh, settings));
  const served = routes.find(({ path }) => path === '/openapi.json')!;
  ({ body: document } = (await served.handle(undefined as never)) as unknown as { body: Document });
});
afterAll(() => mesh.close());

function operations(): [string, Operation][] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, one]): [string, Operation] => [
      `${method.toUpperCase()} ${path}`,
      one,
    ]),
  );
}

describe('the document', () => {
  test('has every plain HTTP route, and no other', () => {
    const open = new Set(['/openapi.json', '/docs', '/.well-known/jwks.json']);
    const served = routes.flatMap(({ method, path }) => (open.has(path) ? [] : [`${method} ${path}`]));
    expect(
      operations()
        .map(([name]) => name)
        .toSorted(),
    ).toEqual(served.toSorted());
    expect(served.length).toBeGreaterThan(35);
  });

  test('is whole: its references lead somewhere, its schemas are schemas, its names are its own', () => {
    const ajv = new Ajv2020({ strict: false, validateFormats: false });
    ajv.addSchema(document, 'openapi');
    const targets = JSON.stringify(document).matchAll(/"\$ref":"#([^"]+)"/g);
    expect(
      targets
        .map(([, target]) => target!)
        .filter((target) => !ajv.getSchema(`openapi#${target}`))
        .toArray(),
    ).toEqual([]);
    for (const schema of Object.values(document.components.schemas))
      expect(ajv.validateSchema(schema)).toBe(true);
    const ids = operations().map(([, { operationId }]) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
    const tags = new Set(document.tags.map(({ name }) => name));
    expect(operations().filter(([, one]) => !tags.has(one.tags[0]!))).toEqual([]);
  });

  test('its examples are what its schemas say', () => {
    const ajv = new Ajv2020({ strict: false, validateFormats: false });
    for (const [name, one] of Object.entries(document.components.schemas))
      for (const [field, property] of Object.entries((one as { properties: object }).properties)) {
        const { example, $ref } = property as { example?: unknown; $ref?: string };
        if (example === undefined || $ref !== undefined) continue;
        expect([name, field, ajv.validate(property as object, example)]).toEqual([name, field, true]);
      }
  });

  test('names what is in a path', () => {
    for (const [name, { parameters = [] }] of operations()) {
      const described = parameters.filter((one) => one.in === 'path').map((one) => one.name);
      expect([name, ...described]).toEqual([name, ...name.matchAll(/\{(\w+)\}/g).map(([, one]) => one!)]);
    }
  });
});
