import type { DescribedRoute } from '../http/described.ts';
import { sessionManagerDescription } from '../sessions/openapi.ts';
import { operation } from './operation.ts';
import { object, type Schema } from './schema.ts';

/** What one of the older interfaces adds to the document. */
export interface Description {
  tag: { name: string; description: string };
  paths: Record<string, Record<string, object>>;
  schemas: Record<string, object>;
  securitySchemes: Record<string, object>;
}

/** Routes that describe themselves, and what their answers are made of. */
export interface DescribedRoutes {
  readonly tags: readonly { name: string; description: string }[];
  readonly schemas: Readonly<Record<string, Schema>>;
  readonly routes: readonly DescribedRoute[];
}

const common: Description['schemas'] = {
  Error: object({ detail: { type: 'string', example: 'What went wrong, and what to do.' } }),
  ValidationError: object({
    detail: {
      type: 'array',
      minItems: 1,
      items: object({
        loc: { type: 'array', items: { type: ['string', 'integer'] }, example: ['body', 'phone'] },
        msg: { type: 'string', example: 'Field required' },
        type: { type: 'string', example: 'missing' },
      }),
    },
  }),
};

const callers = {
  bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
  cookie: { type: 'apiKey', in: 'cookie', name: 'access_token' },
};

/** OpenAPI 3.1, of everything that is plain HTTP. The calls of the mesh are described by their proto files. */
export function openApiDocument(version: string, parts: readonly DescribedRoutes[]): object {
  const descriptions = [sessionManagerDescription, ...parts.map(describe)];
  const merged = (what: 'schemas' | 'securitySchemes'): object =>
    Object.assign({}, ...descriptions.map((one) => one[what])) as object;
  return {
    openapi: '3.1.0',
    info: {
      title: 'TeleGate',
      version,
      description:
        'The plain HTTP interfaces of the gateway. Every call of the mesh is served on the same port too, over ' +
        'Connect, gRPC-Web and gRPC: see docs/api.md.',
    },
    tags: [sessionManagerDescription.tag, ...parts.flatMap(({ tags }) => tags)],
    paths: Object.assign({}, ...descriptions.map(({ paths }) => paths)) as object,
    components: { schemas: { ...common, ...merged('schemas') }, securitySchemes: merged('securitySchemes') },
  };
}

function describe({
  routes,
  schemas,
}: DescribedRoutes): Pick<Description, 'paths' | 'schemas' | 'securitySchemes'> {
  const paths: Description['paths'] = {};
  for (const { method, path, description } of routes)
    (paths[path] ??= {})[method.toLowerCase()] = operation(method, path, description);
  return { paths, schemas, securitySchemes: callers };
}
