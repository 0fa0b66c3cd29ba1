import { trace } from '@opentelemetry/api';
import { linesOf, type LineFields } from '#lib/telemetry/lines.ts';
import type { LogKind } from '#lib/telemetry/log-kinds.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import type { CallContext } from './implement.ts';
import { InternalError, reasonName, toDomainError } from './status.ts';

/** A call that is worth a line of its own beside the call's: what it did, or why it was refused. */
export interface Deed<Handler> {
  readonly event: string;
  /** What helps to find it; ids and counts, never what was said. */
  readonly about?: Handler extends (request: infer Request, ...rest: infer Rest) => Promise<infer Response>
    ? (request: Request, response: Rest extends [CallContext] ? Response : undefined) => LineFields
    : never;
}

type Deeds<Handlers> = { readonly [Name in keyof Handlers]?: Deed<Handlers[Name]> };

type AnyHandler = (request: unknown, ...rest: [...unknown[], CallContext]) => Promise<unknown>;
type AnyDeed = { event: string; about?: (request: unknown, response: unknown) => LineFields };

/** The handlers, some of which write a line when they have answered. A fault of ours is an error, not a deed. */
export function withDeeds<Handlers extends object>(
  log: Logger,
  kind: LogKind,
  deeds: Deeds<Handlers>,
  handlers: Handlers,
): Handlers {
  const lines = linesOf(log);

  function told(handler: AnyHandler, { event, about }: AnyDeed): AnyHandler {
    return async (request, ...rest) => {
      const { principal } = rest.at(-1) as CallContext;
      const tell = (outcome: 'done' | 'refused', more: LineFields): void => {
        const caller = { subject: principal.subject, tenant_id: principal.tenantId || undefined };
        const spanContext = trace.getActiveSpan()?.spanContext();
        lines.write(
          outcome === 'done' ? 'info' : 'warn',
          kind,
          event,
          outcome === 'done' ? 'it was done' : 'it was refused',
          { outcome, ...caller, ...more },
          spanContext,
        );
      };
      try {
        const response = await handler(request, ...rest);
        tell('done', about?.(request, response) ?? {});
        return response;
      } catch (error) {
        const known = toDomainError(error);
        if (!(known instanceof InternalError))
          tell('refused', { ...about?.(request, undefined), reason: reasonName(known.reason) });
        throw error;
      }
    };
  }

  const wrapped = Object.entries(deeds).flatMap(([name, deed]) => {
    const handler = (handlers as Record<string, AnyHandler | undefined>)[name];
    return handler && deed ? [[name, told(handler, deed as AnyDeed)]] : [];
  });
  return { ...handlers, ...Object.fromEntries(wrapped) } as Handlers;
}
