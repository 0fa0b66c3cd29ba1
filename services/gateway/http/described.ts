import type { Authenticated } from '#lib/auth/authenticate.ts';
import type { CallOptions } from '#lib/rpc/client-state.ts';
import { admitAnybody, admitCaller, forCaller } from './caller.ts';
import type { Answer } from './answer.ts';
import type { Exchange } from './exchange.ts';
import type { Fields, Input } from './fields.ts';
import { readInput } from './input.ts';
import type { HttpMethod, HttpRoute } from './routing.ts';

/** A route that says of itself what the document says of it. */
export interface DescribedRoute extends HttpRoute {
  readonly description: RouteDescription;
}

export interface RouteDescription {
  readonly tag: string;
  readonly id: string;
  readonly summary: string;
  readonly details?: string;
  readonly isOpen: boolean;
  readonly input: Fields;
  readonly headers: readonly object[];
  readonly answers: Readonly<Record<number, object>>;
}

export interface Asked<F extends Fields> {
  readonly input: Input<F>;
  readonly exchange: Exchange;
  readonly caller: Authenticated;
  /** For the calls into the mesh. */
  readonly options: CallOptions;
}

export interface NewRoute<F extends Fields> {
  method: HttpMethod;
  path: string;
  tag: string;
  id: string;
  summary: string;
  details?: string;
  /** Nobody needs credentials for it. */
  isOpen?: boolean;
  input?: F;
  headers?: readonly object[];
  /** How long it may take; the usual limit when not given. */
  timeoutMs?: number;
  answers: Readonly<Record<number, object>>;
  handle(asked: Asked<F>): Promise<Answer>;
}

/** Lets the caller in, reads the parameters, and only then calls the handler. */
export function route<const F extends Fields>(made: NewRoute<F>): DescribedRoute {
  const { method, path, tag, id, summary, details, isOpen = false, headers = [], answers, timeoutMs } = made;
  const fields = made.input ?? ({} as F);
  return {
    method,
    path,
    description: {
      tag,
      id,
      summary,
      ...(details === undefined ? {} : { details }),
      isOpen,
      input: fields,
      headers,
      answers,
    },
    async handle(exchange) {
      const caller = isOpen ? admitAnybody(exchange) : await admitCaller(exchange, timeoutMs);
      const input = await readInput(exchange, fields);
      return made.handle({ input, exchange, caller, options: forCaller(exchange) });
    },
  };
}
