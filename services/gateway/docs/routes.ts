import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { HttpRoute } from '../http/routing.ts';
import { openApiDocument, type DescribedRoutes } from './openapi.ts';

/** The description of the plain HTTP routes, and a page to try them; open to everybody, for neither shows data. */
export function docsRoutes(version: string, parts: readonly DescribedRoutes[]): HttpRoute[] {
  const document = openApiDocument(version, parts);
  const page = readFileSync(new URL('page.html', import.meta.url), 'utf8');
  const pageHeaders = {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': contentPolicy(page),
    'referrer-policy': 'no-referrer',
  };
  return [
    {
      method: 'GET',
      path: '/openapi.json',
      handle: () => ({ status: 200, body: document, headers: { 'cache-control': 'no-cache' } }),
    },
    {
      method: 'GET',
      path: '/docs',
      handle: () => ({ status: 200, body: page, headers: pageHeaders }),
    },
  ];
}

/** Nothing but what is in the page itself runs in it, and it calls nobody but this gateway. */
function contentPolicy(page: string): string {
  const hashOf = (tag: string): string => {
    const content = new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`).exec(page)?.[1] ?? '';
    return `'sha256-${createHash('sha256').update(content).digest('base64')}'`;
  };
  return [
    "default-src 'none'",
    `script-src ${hashOf('script')}`,
    `style-src ${hashOf('style')}`,
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}
