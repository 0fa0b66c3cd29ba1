import { GoingAway } from '#lib/rpc/errors.ts';
import type { EdgeCall } from '../edge-call.ts';
import type { Edge } from '../edge.ts';
import { detail, errorAnswer, Refusal, type Answer } from './answer.ts';
import { createExchange } from './exchange.ts';
import type { RouteMatch } from './routing.ts';

/** Serves what is not Connect or gRPC. */
export function serveHttp(edge: Edge, match: RouteMatch | undefined): (call: EdgeCall) => Promise<void> {
  return async (call) => {
    const answer = await answerOf(edge, match, call);
    if (call.isClosed) return;
    // What the caller still sends is of no use any more.
    call.request.resume();
    write(call, answer);
  };
}

async function answerOf(edge: Edge, match: RouteMatch | undefined, call: EdgeCall): Promise<Answer> {
  if (!match) return detail(404, 'Not Found');
  switch (match.kind) {
    case 'redirect': {
      const query = call.request.url?.split('?', 2)[1];
      const location = query === undefined ? match.path : `${match.path}?${query}`;
      return { status: 307, headers: { location }, body: '' };
    }
    case 'other_method': {
      const allow = match.allow.join(', ');
      if (call.request.method === 'OPTIONS') return { status: 204, headers: { allow }, body: undefined };
      return detail(405, 'Method Not Allowed', { allow });
    }
    case 'found': {
      try {
        if (edge.draining) throw new GoingAway();
        return await match.handle(createExchange(edge, call, match.params));
      } catch (error) {
        if (error instanceof Refusal) return error.answer;
        return errorAnswer(call.failed(error), parametersOf(call));
      }
    }
  }
}

function parametersOf({ request: { method } }: EdgeCall): 'query' | 'body' {
  return method === 'GET' || method === 'HEAD' || method === 'DELETE' ? 'query' : 'body';
}

function write({ request, response }: EdgeCall, { status, headers = {}, body }: Answer): void {
  const common = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };
  if (body === undefined) {
    response.writeHead(status, { ...common, ...headers }).end();
    return;
  }
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const type = typeof body === 'string' ? 'text/plain; charset=utf-8' : 'application/json';
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(text),
    ...common,
    ...headers,
  });
  if (request.method === 'HEAD') response.end();
  else response.end(text);
}
