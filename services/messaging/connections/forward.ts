import { pause, type Clock } from '#lib/lifecycle/clock.ts';
import { DomainError } from '#lib/rpc/errors.ts';
import type { CallContext } from '#lib/rpc/implement.ts';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import type { MessagingHandlers } from '../routes.ts';
import { FORWARDED, HeldElsewhere, isForwarded } from './elsewhere.ts';
import type { MessagingClient, Peers } from './peers.ts';

export interface ForwardParts {
  readonly processId: string;
  readonly peers: Peers;
  readonly clock: Clock;
}

const PAUSE_MS = 250;

type Unary = (request: never, ctx: CallContext) => Promise<unknown>;

/**
 * Calls whose session another process holds are made there, with the caller's principal, trace and what is left of
 * the deadline, one hop at most. All calls of the service may be repeated: when that process is gone, this one tries.
 */
export function forwarding(
  handlers: Partial<MessagingHandlers>,
  parts: ForwardParts,
): Partial<MessagingHandlers> {
  const wrapped = Object.entries(handlers).map(([name, handler]) => [
    name,
    name === 'watchMessages' || name === 'listConnections'
      ? handler
      : forwardUnary(name as UnaryName, handler as Unary, parts),
  ]);
  return Object.fromEntries(wrapped) as Partial<MessagingHandlers>;
}

type UnaryName = Exclude<keyof MessagingHandlers, 'watchMessages'>;

function forwardUnary(name: UnaryName, handler: Unary, parts: ForwardParts): Unary {
  const { processId, peers, clock } = parts;
  return async (request, ctx) => {
    for (;;) {
      try {
        return await handler(request, ctx);
      } catch (error) {
        if (!(error instanceof HeldElsewhere) || isForwarded(ctx)) throw error;
        try {
          const call = peers.at(error.address)[name] as MessagingClient['getMe'];
          return await call(request, { parent: ctx, metadata: { [FORWARDED]: processId } });
        } catch (refused) {
          if (!isOfTheWay(refused)) throw refused;
          peers.suspect(error.processId);
          await pause(clock, Math.min(PAUSE_MS, ctx.remainingMs()), ctx.signal);
          if (ctx.signal.aborted || ctx.remainingMs() <= 0) throw refused;
        }
      }
    }
  };
}

/** The process is away, stops, or is about to give the session up: what Telegram or the pool said is the answer. */
function isOfTheWay(error: unknown): boolean {
  return (
    error instanceof DomainError &&
    (error.reason === ErrorReason.GOING_AWAY || error.reason === ErrorReason.DEPENDENCY_UNAVAILABLE)
  );
}
