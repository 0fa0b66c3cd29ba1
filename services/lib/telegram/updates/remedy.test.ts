import { DeadlineExceeded } from '#lib/rpc/errors.ts';
import { expect, test } from 'vitest';
import { BreakerOpen, MigrateTo, NeedsLogin } from '../errors.ts';
import { CallAborted, CallTimedOut, CallUnreadable, LinkClosed, RawRpcError } from '../link.ts';
import { remedyOf } from './remedy.ts';

test.each([
  [new RawRpcError(420, 'FLOOD_WAIT_7'), { kind: 'retry', afterMs: 7_000 }],
  [new RawRpcError(500, 'RPC_CALL_FAIL'), { kind: 'retry' }],
  [new RawRpcError(-503, 'Timeout'), { kind: 'retry' }],
  [new RawRpcError(400, 'PERSISTENT_TIMESTAMP_OUTDATED'), { kind: 'retry' }],
  [new RawRpcError(400, 'PERSISTENT_TIMESTAMP_EMPTY'), { kind: 'void' }],
  [new RawRpcError(401, 'AUTH_KEY_UNREGISTERED'), { kind: 'later' }],
  [new RawRpcError(406, 'AUTH_KEY_DUPLICATED'), { kind: 'later' }],
  [new NeedsLogin('a'), { kind: 'later' }],
  [new CallTimedOut(true), { kind: 'retry' }],
  [new DeadlineExceeded(), { kind: 'retry' }],
  [new BreakerOpen('the proxy', 9_000), { kind: 'retry', afterMs: 9_000 }],
  [new MigrateTo(4, 'user'), { kind: 'later' }],
  [new TypeError('a fault of our own'), { kind: 'retry' }],
  [new CallAborted(true), { kind: 'later' }],
  [new LinkClosed({ reason: 'closed' }, true), { kind: 'later' }],
  [new CallUnreadable(''), { kind: 'unreadable' }],
])('%s: $1', (error, remedy) => {
  expect(remedyOf(error, 'account')).toEqual(remedy);
});
