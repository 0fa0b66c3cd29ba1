import { sessionManagerDescription } from '../sessions/openapi.ts';

/** What one of the older interfaces adds to the document. */
export interface Description {
  tag: { name: string; description: string };
  paths: Record<string, Record<string, object>>;
  schemas: Record<string, object>;
  securitySchemes: Record<string, object>;
}

const descriptions: readonly Description[] = [sessionManagerDescription];

/** OpenAPI 3.1, of everything that is plain HTTP. The calls of the mesh are described by their proto files. */
export function openApiDocument(version: string): object {
  return {
    openapi: '3.1.0',
    info: {
      title: 'TeleGate',
      version,
      description:
        'The plain HTTP interfaces of the gateway. Every call of the mesh is served on the same port too, over ' +
        'Connect, gRPC-Web and gRPC: see docs/api.md.',
    },
    tags: descriptions.map(({ tag }) => tag),
    paths: Object.assign({}, ...descriptions.map(({ paths }) => paths)) as object,
    components: {
      schemas: Object.assign({}, ...descriptions.map(({ schemas }) => schemas)) as object,
      securitySchemes: Object.assign(
        {},
        ...descriptions.map(({ securitySchemes }) => securitySchemes),
      ) as object,
    },
  };
}
