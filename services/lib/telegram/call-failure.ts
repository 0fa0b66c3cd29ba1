import { Cancelled, DomainError } from '#lib/rpc/errors.ts';
import { DialAborted } from './egress.ts';
import { TelegramRefused, TelegramUnreachable, type Unreached } from './errors.ts';
import { CallAborted, CallTimedOut, LinkClosed, RawRpcError } from './link.ts';
import { parseRpcError, verdictOf } from './rpc-errors.ts';

/** What a caller of the mesh is told of a failure outside the pipeline; faults of ours stay what they are. */
export function asDomainError(error: unknown, unreached: Unreached): DomainError {
  if (error instanceof DomainError) return error;
  if (error instanceof RawRpcError) {
    const refused = parseRpcError(error);
    return new TelegramRefused(refused, verdictOf(refused));
  }
  if (error instanceof CallAborted || error instanceof DialAborted) return new Cancelled();
  const sent = (error instanceof LinkClosed || error instanceof CallTimedOut) && error.sent;
  return new TelegramUnreachable(unreached, { sent, cause: error });
}
