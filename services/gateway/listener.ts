import { context } from '@opentelemetry/api';
import type { RpcRoute } from './connect-handler.ts';
import { corsHeaders, preflightHeaders } from './cors.ts';
import { EdgeCall, type Target } from './edge-call.ts';
import type { Edge, EdgeRequest, EdgeResponse } from './edge.ts';
import { errorAnswer, Refusal } from './http/answer.ts';
import type { HttpRoutes } from './http/routing.ts';
import { serveHttp } from './http/serve.ts';

export type EdgeListener = (request: EdgeRequest, response: EdgeResponse) => void;

/** Where every request comes in, whatever it speaks. */
export function edgeListener(edge: Edge, rpc: ReadonlyMap<string, RpcRoute>, http: HttpRoutes): EdgeListener {
  return (request, response) => {
    const path = pathOf(request.url);
    const rpcRoute = rpc.get(path);
    const method = request.method ?? 'GET';
    const match = rpcRoute ? undefined : http.match(method, path);
    const target: Target = rpcRoute
      ? rpcRoute.target
      : { kind: 'http', method: knownMethod(method), route: match?.route ?? 'unknown' };
    const call = new EdgeCall(edge, target, request, response);
    response.setHeader('trace-id', call.trace.traceId);
    const cors = corsHeaders(edge.origins, request.headers.origin);
    for (const [name, value] of Object.entries(cors)) response.setHeader(name, value!);
    // A request whose sender vanished ends by its close; without a listener the error would end the process.
    request.on('error', ignore);
    response.on('error', ignore);

    if (headerBytes(request) > edge.limits.maxHeaderBytes) {
      request.resume();
      response.writeHead(431).end();
    } else if (isPreflight(request, cors)) {
      request.resume();
      response.writeHead(204, preflightHeaders).end();
    } else {
      if (edge.draining && request.httpVersionMajor === 1) response.setHeader('connection', 'close');
      void context.with(call.trace.context, () =>
        serve(edge, call, rpcRoute ?? { serve: limited(serveHttp(edge, match)) }),
      );
      call.limitTime();
    }
  };
}

function limited(serveCall: (call: EdgeCall) => Promise<void>): (call: EdgeCall) => Promise<void> {
  return async (call) => {
    call.countAddress();
    await serveCall(call);
  };
}

async function serve(
  edge: Edge,
  call: EdgeCall,
  route: { serve(call: EdgeCall): Promise<void> },
): Promise<void> {
  const { request, response } = call;
  try {
    await route.serve(call);
  } catch (error) {
    // What was aborted from outside fails in as many ways as there are places to be at.
    if (call.isClosed || call.endReason) {
      edge.log.debug({ event: 'edge_late_failure', err: error }, 'a request failed after it had ended');
      response.destroy();
      return;
    }
    const answer = error instanceof Refusal ? error.answer : errorAnswer(call.failed(error));
    if (response.headersSent) {
      response.destroy();
      return;
    }
    request.resume();
    const { status, headers, body } = answer;
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
  }
}

function ignore(): void {}

function pathOf(url = '/'): string {
  const end = url.search(/[?#]/);
  return end === -1 ? url : url.slice(0, end);
}

const METHODS = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS']);

/** What a caller makes up must not become a new series of measurements. */
function knownMethod(method: string): string {
  return METHODS.has(method) ? method : '_OTHER';
}

function headerBytes({ rawHeaders }: EdgeRequest): number {
  return rawHeaders.reduce((sum, text) => sum + text.length, 0);
}

function isPreflight(request: EdgeRequest, cors: object): boolean {
  return (
    request.method === 'OPTIONS' &&
    'access-control-allow-origin' in cors &&
    request.headers['access-control-request-method'] !== undefined
  );
}
