import { AccountState, AuthorizationEnd } from '#gen/telegate/local_telegram/v1/world_pb.ts';
import { FaultMoment } from '#gen/telegate/local_telegram/v1/faults_pb.ts';
import { CallOutcome, ConnectionEnd } from '#gen/telegate/local_telegram/v1/log_pb.ts';
import { TlError, type TlObject } from './codec/object.ts';
import type { Connection } from './connection.ts';
import { momentOf, type CallFaults, type FaultTarget, type PlayedFault } from './faults.ts';
import type { CallRecord } from './log.ts';
import { methodByName } from './methods/all.ts';
import { Caller, type Method } from './methods/method.ts';
import { peerOfQuery } from './methods/peers.ts';
import { RpcError } from './rpc-error.ts';
import type { MtSession } from './session/session.ts';
import { rpcResult, unpackGzip } from './session/wire.ts';
import type { Telegram } from './telegram.ts';
import { decode, decodeWrapped, encode, encodeResult, isMethod } from './tl.ts';
import type { KeyRecord } from './world/state.ts';

export interface Query {
  connection: Connection;
  session: MtSession;
  messageId: bigint;
  body: Buffer;
}

interface Unwrapped {
  query: TlObject;
  after: bigint[];
  withoutUpdates: boolean;
}

const WRAPPERS = new Set([
  'invokeWithLayer',
  'initConnection',
  'invokeAfterMsg',
  'invokeAfterMsgs',
  'invokeWithoutUpdates',
  'invokeWithMessagesRange',
  'invokeWithTakeout',
  'invokeWithBusinessConnection',
  'invokeWithGooglePlayIntegrity',
  'invokeWithApnsSecret',
]);

const UNREADABLE = 'unreadable';

/** Takes a call from its bytes to its answer and its place in the log. */
export function dispatch(telegram: Telegram, incoming: Query): void {
  const { session, messageId } = incoming;
  session.callBegan(messageId);
  let unwrapped: Unwrapped;
  try {
    unwrapped = unwrap(incoming.body, session.key);
  } catch (error) {
    if (!(error instanceof TlError)) throw error;
    const call = startCall(telegram, incoming, UNREADABLE);
    finish(telegram, { ...incoming, call, error: unreadable(error) });
    return;
  }
  const { query, after, withoutUpdates } = unwrapped;
  const call = startCall(telegram, incoming, query._);
  call.peer = peerOfQuery(query, telegram.accountOf(session.key)?.id ?? 0);
  const randomId = query['random_id'];
  if (typeof randomId === 'bigint') call.randomId = randomId;
  if (!withoutUpdates) telegram.subscribe(session);
  if (after.length === 0) begin(telegram, incoming, call, query);
  else void beginAfter(telegram, incoming, { call, query, after });
}

async function beginAfter(
  telegram: Telegram,
  incoming: Query,
  { call, query, after }: { call: CallRecord; query: TlObject; after: readonly bigint[] },
): Promise<void> {
  const states = await Promise.all(after.map(async (id) => incoming.session.outcomeOf(id)));
  if (states.every((state) => state === 'done')) begin(telegram, incoming, call, query);
  else finish(telegram, { ...incoming, call, error: new RpcError('MSG_WAIT_FAILED', 400) });
}

function unwrap(body: Buffer, key: KeyRecord): Unwrapped {
  const after: bigint[] = [];
  let withoutUpdates = false;
  let rest = unpackGzip(body);
  // As deep as any client nests them, and some more.
  for (let depth = 0; depth < 8; depth += 1) {
    const { object } = decodeWrapped(rest, 0);
    if (!WRAPPERS.has(object._)) {
      if (!isMethod(object._)) throw new TlError(`${object._} is no method`);
      return { query: decode(rest), after, withoutUpdates };
    }
    if (object._ === 'invokeWithLayer') key.layer = object['layer'] as number;
    else if (object._ === 'initConnection') {
      key.device = (object['device_model'] as string).slice(0, 256);
      key.apiId = object['api_id'] as number;
    } else if (object._ === 'invokeAfterMsg') after.push(object['msg_id'] as bigint);
    else if (object._ === 'invokeAfterMsgs') after.push(...(object['msg_ids'] as bigint[]));
    else if (object._ === 'invokeWithoutUpdates') withoutUpdates = true;
    rest = unpackGzip(object['query'] as Buffer);
  }
  throw new TlError('wrappers are nested too deep');
}

function unreadable(error: TlError): RpcError {
  return new RpcError(
    error.constructorId === undefined ? 'INPUT_FETCH_ERROR' : `INPUT_METHOD_INVALID_${error.constructorId}`,
  );
}

function startCall(
  telegram: Telegram,
  { connection, session, messageId }: Query,
  method: string,
): CallRecord {
  connection.record.calls += 1;
  const { key } = session;
  const account = telegram.accountOf(key);
  if (key.authorization) key.authorization.lastCallTime = telegram.world.now();
  return telegram.log.callStarted({
    connectionId: connection.record.id,
    keyId: key.id,
    sessionId: session.idText,
    messageId,
    accountId: account?.id ?? 0,
    dataCenter: connection.dataCenter,
    method,
  });
}

function begin(telegram: Telegram, incoming: Query, call: CallRecord, query: TlObject): void {
  const { connection, session } = incoming;
  const method = methodByName.get(query._);
  const account = telegram.accountOf(session.key);
  try {
    checkKey(telegram, session.key, method);
  } catch (error) {
    finish(telegram, { ...incoming, call, error: asRpcError(telegram, call, error) });
    return;
  }
  const target: FaultTarget = { ...connection.faultTarget(), method: query._, peer: call.peer };
  if (account) target.premium = account.premium;
  const faults = telegram.faults.strikeCall(target);
  const delayed = faults.delayMs > 0 ? { ...incoming, delayMs: faults.delayMs } : incoming;
  if (faults.delayedBy !== '') call.faultId = faults.delayedBy;
  if (faults.strikes || faults.wait) call.faultId = faults.strikes?.id ?? faults.wait!.faultId;
  const error = errorOf(faults);
  if (error) {
    finish(telegram, { ...delayed, call, error });
    return;
  }
  if (faults.strikes && swallows(faults.strikes, connection)) {
    telegram.log.callEnded(call, CallOutcome.SWALLOWED);
    session.callEnded(incoming.messageId, 'failed');
    return;
  }
  void carryOut(telegram, delayed, { call, query, method, after: faults.strikes });
}

/** What the fault answers in the call's place. */
function errorOf({ strikes, wait }: CallFaults): RpcError | undefined {
  if (wait) return new RpcError(`${wait.text}_${Math.max(1, wait.seconds)}`, 420);
  const fault = strikes?.spec.fault;
  if (fault?.case === 'rpcError')
    return fault.value.code === 0
      ? new RpcError(fault.value.text)
      : new RpcError(fault.value.text, fault.value.code);
  if (fault?.case === 'serverTrouble') {
    const text = fault.value.text || 'RPC_CALL_FAIL';
    return new RpcError(text, text === 'Timeout' ? -503 : 500);
  }
  return undefined;
}

/** Faults that take the call before it is carried out. */
function swallows(fault: PlayedFault, connection: Connection): boolean {
  const { fault: what } = fault.spec;
  if (what.case === 'transportError') {
    connection.transportError(what.value.code || -404, ConnectionEnd.FAULT);
    return true;
  }
  if (momentOf(fault) !== FaultMoment.BEFORE_CALL) return false;
  if (what.case === 'drop') connection.reset(ConnectionEnd.FAULT);
  else if (what.case === 'silence') connection.fallSilent();
  else return false;
  return true;
}

function checkKey(telegram: Telegram, key: KeyRecord, method: Method | undefined): void {
  const { authorization } = key;
  switch (authorization?.end) {
    case AuthorizationEnd.DUPLICATED:
      throw new RpcError('AUTH_KEY_DUPLICATED');
    case AuthorizationEnd.REVOKED:
      if (!method?.isOpen) throw new RpcError('SESSION_REVOKED');
      return;
    case AuthorizationEnd.EXPIRED:
      if (!method?.isOpen) throw new RpcError('SESSION_EXPIRED');
      return;
    case AuthorizationEnd.LOGGED_OUT:
      if (!method?.isOpen) throw new RpcError('AUTH_KEY_UNREGISTERED');
      return;
    case AuthorizationEnd.KEY_DESTROYED:
    case AuthorizationEnd.UNSPECIFIED:
    case undefined:
      break;
  }
  const account = telegram.accountOf(key);
  if (!account) {
    if (!method || method.isOpen) return;
    throw new RpcError(key.passwordPendingFor !== 0 ? 'SESSION_PASSWORD_NEEDED' : 'AUTH_KEY_UNREGISTERED');
  }
  if (account.state === AccountState.BANNED) throw new RpcError('USER_DEACTIVATED_BAN');
  if (account.state === AccountState.DEACTIVATED) throw new RpcError('USER_DEACTIVATED');
  if (account.state === AccountState.FROZEN && method?.writes) throw new RpcError('FROZEN_METHOD_INVALID');
  if (method && !method.isEverywhere && account.dataCenter !== key.dataCenter)
    throw new RpcError(`USER_MIGRATE_${account.dataCenter}`);
}

interface Run {
  call: CallRecord;
  query: TlObject;
  method: Method | undefined;
  after: PlayedFault | undefined;
}

async function carryOut(
  telegram: Telegram,
  incoming: Query & { delayMs?: number },
  { call, query, method, after }: Run,
): Promise<void> {
  try {
    if (!method) throw new RpcError('METHOD_NOT_SUPPORTED');
    const seconds = telegram.floods.strike(call, telegram.log.now());
    if (seconds !== undefined) throw new RpcError(`FLOOD_WAIT_${seconds}`);
    const caller = new Caller(telegram, incoming.connection, incoming.session, call);
    const returned = method.run(query, caller);
    // Most methods answer at once: then nothing waits for another turn.
    const result = returned instanceof Promise ? await returned : returned;
    finish(telegram, { ...incoming, call, result: encodeResult(query._, result), fault: after });
  } catch (error) {
    finish(telegram, { ...incoming, call, error: asRpcError(telegram, call, error), fault: after });
  }
}

function asRpcError(telegram: Telegram, call: CallRecord, error: unknown): RpcError {
  if (error instanceof RpcError) return error;
  telegram.logger.error({ event: 'method_fault', method: call.method, err: error }, 'a method failed');
  return new RpcError('INTERNAL_SERVER_ERROR', 500);
}

interface Ending extends Query {
  call: CallRecord;
  delayMs?: number;
  result?: Buffer;
  error?: RpcError;
  fault?: PlayedFault | undefined;
}

function finish(telegram: Telegram, ending: Ending): void {
  if (ending.delayMs === undefined) answer(telegram, ending);
  else telegram.clock.setTimer(ending.delayMs, () => answer(telegram, ending));
}

function answer(telegram: Telegram, ending: Ending): void {
  const { connection, session, messageId, call, error, fault } = ending;
  const result = error
    ? encode({ _: 'rpc_error', error_code: error.code, error_message: error.text })
    : ending.result!;
  const body = rpcResult(messageId, result);
  session.callEnded(messageId, error ? 'failed' : 'done');
  const written = fault
    ? spoil(fault, connection, session, messageId, body)
    : session.sendAnswer(messageId, body);
  if (!written) telegram.log.callEnded(call, CallOutcome.UNANSWERED, error);
  else telegram.log.callEnded(call, error ? CallOutcome.ERROR : CallOutcome.OK, error);
}

/** Plays a fault that strikes at the answer; true when the answer left all the same. */
function spoil(
  fault: PlayedFault,
  connection: Connection,
  session: MtSession,
  messageId: bigint,
  body: Buffer,
): boolean {
  const { fault: what } = fault.spec;
  const packet = session.packAnswer(messageId, body);
  if (what.case === 'garbage') connection.writeGarbage(what.value.length || 256);
  else if (what.case === 'silence') connection.fallSilent();
  else if (what.case === 'drop' && momentOf(fault) === FaultMoment.MID_ANSWER)
    connection.writeTornPacket(packet);
  else if (what.case === 'drop') connection.reset(ConnectionEnd.FAULT);
  else return connection.writePacket(packet);
  return false;
}
