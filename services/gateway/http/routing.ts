import type { Answer } from './answer.ts';
import type { Exchange } from './exchange.ts';

export type HttpMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface HttpRoute {
  readonly method: HttpMethod;
  /** `/accounts/{account_id}`: a part in braces takes any text without a slash. */
  readonly path: string;
  /** A GET that changes something: HEAD must not do that unseen. */
  readonly changes?: true;
  handle(exchange: Exchange): Promise<Answer> | Answer;
}

export type RouteMatch =
  | { kind: 'found'; route: string; handle: HttpRoute['handle']; params: ReadonlyMap<string, string> }
  /** The path is known with or without its last slash. */
  | { kind: 'redirect'; route: string; path: string }
  | { kind: 'other_method'; route: string; allow: readonly string[] };

export interface HttpRoutes {
  match(method: string, path: string): RouteMatch | undefined;
}

interface Pattern {
  readonly path: string;
  readonly segments: readonly string[];
  readonly byMethod: Map<string, HttpRoute>;
}

export function httpRoutes(routes: readonly HttpRoute[]): HttpRoutes {
  const patterns = new Map<string, Pattern>();
  for (const route of routes) {
    const { method, path } = route;
    const pattern = patterns.get(path) ?? { path, segments: path.split('/'), byMethod: new Map() };
    if (pattern.byMethod.has(method)) throw new Error(`${method} ${path} is served twice`);
    pattern.byMethod.set(method, route);
    patterns.set(path, pattern);
  }
  // What is spelt out wins over what is in braces.
  const ordered = [...patterns.values()].toSorted((a, b) => variables(a) - variables(b));

  function find(path: string): { pattern: Pattern; params: Map<string, string> } | undefined {
    const segments = path.split('/');
    for (const pattern of ordered) {
      const params = paramsOf(pattern, segments);
      if (params) return { pattern, params };
    }
    return undefined;
  }

  return {
    match(method, path) {
      const found = find(path);
      if (!found) {
        const other = path.endsWith('/') ? path.slice(0, -1) : `${path}/`;
        const route = other === '' ? undefined : find(other);
        return route && { kind: 'redirect', route: route.pattern.path, path: other };
      }
      const { pattern, params } = found;
      const served = pattern.byMethod.get(method) ?? (method === 'HEAD' ? headRoute(pattern) : undefined);
      if (!served) return { kind: 'other_method', route: pattern.path, allow: allowed(pattern) };
      return { kind: 'found', route: pattern.path, handle: served.handle, params };
    },
  };
}

/** HEAD is answered as GET is, where asking changes nothing. */
function headRoute({ byMethod }: Pattern): HttpRoute | undefined {
  const get = byMethod.get('GET');
  return get?.changes ? undefined : get;
}

function allowed(pattern: Pattern): string[] {
  return [...pattern.byMethod.keys(), ...(headRoute(pattern) ? ['HEAD'] : []), 'OPTIONS'];
}

function variables({ segments }: Pattern): number {
  return segments.filter((segment) => segment.startsWith('{')).length;
}

function paramsOf(pattern: Pattern, segments: readonly string[]): Map<string, string> | undefined {
  if (segments.length !== pattern.segments.length) return undefined;
  const params = new Map<string, string>();
  for (const [index, wanted] of pattern.segments.entries()) {
    const given = segments[index]!;
    if (!wanted.startsWith('{')) {
      if (given !== wanted) return undefined;
      continue;
    }
    const value = decoded(given);
    if (value === undefined || value === '') return undefined;
    params.set(wanted.slice(1, -1), value);
  }
  return params;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
