import { TlError, type TlObject } from '../codec/object.ts';
import { encode, decode } from '../tl.ts';
import { BAD, idFault } from './message-ids.ts';
import { futureSalts, isGoodSalt, saltAt } from './salts.ts';
import type { MtSession } from './session.ts';
import { isContainer, readContainer, unpackGzip, type InnerMessage } from './wire.ts';

export interface InboundPorts {
  /** Epoch seconds as the client shall see them. */
  nowSeconds(): number;
  refused(): void;
  query(session: MtSession, messageId: bigint, body: Buffer): void;
  disconnectAfter(seconds: number): void;
  destroySession(sessionId: bigint): boolean;
  destroyKey(): void;
}

/** Messages that are no calls of the API, by the constructor. */
const SERVICE = new Set([
  0x62d6b459, 0x7abe77ec, 0xf3427b8c, 0xb921bd04, 0xe7512126, 0xda69fb52, 0x8cc0d131, 0x7d861a08, 0x58e4a740,
  0x9299359f, 0xd1435160, 0x04deb57d, 0x276d3ec6, 0x809db6df,
]);

/** Takes one decrypted message through the checks of the protocol to what it asks for. */
export function receive(
  session: MtSession,
  message: InnerMessage & { salt: bigint },
  ports: InboundPorts,
): void {
  const now = ports.nowSeconds();
  if (!isGoodSalt(session.key, message.salt, now)) {
    refuse(session, message, BAD.salt, ports);
    return;
  }
  const fault = idFault(message.id, now);
  if (fault !== undefined) refuse(session, message, fault, ports);
  else if (isContainer(message.body)) receiveContainer(session, message, ports);
  else receiveOne(session, message, ports);
}

function receiveContainer(session: MtSession, container: InnerMessage, ports: InboundPorts): void {
  if ((container.seqno & 1) === 1) return refuse(session, container, BAD.seqnoNotEven, ports);
  let messages: InnerMessage[];
  try {
    messages = readContainer(container.body);
  } catch (error) {
    if (error instanceof TlError) return refuse(session, container, BAD.container, ports);
    throw error;
  }
  const seen = session.received.check(container.id, container.seqno);
  if (seen.kind === 'refused') return refuse(session, container, seen.code, ports);
  if (seen.kind === 'repeated') return refuse(session, container, BAD.containerIdReused, ports);
  for (const message of messages) {
    if (isContainer(message.body) || message.id >= container.id)
      refuse(session, container, BAD.container, ports);
    else if ((message.id & 3n) !== 0n) refuse(session, message, BAD.idBits, ports);
    else receiveOne(session, message, ports);
  }
}

function receiveOne(session: MtSession, message: InnerMessage, ports: InboundPorts): void {
  const service = serviceMessage(message.body);
  const isOdd = (message.seqno & 1) === 1;
  // Clients number service messages either way, acknowledgements too, and Telegram takes both.
  if (!service && !isOdd) return refuse(session, message, BAD.seqnoNotOdd, ports);
  const seen = session.received.check(message.id, message.seqno);
  if (seen.kind === 'refused') return refuse(session, message, seen.code, ports);
  if (seen.kind === 'repeated') return session.answerAgain(message.id);
  if (isOdd) session.acknowledge(message.id);
  if (service) serve(session, message, service, ports);
  else ports.query(session, message.id, message.body);
}

function serviceMessage(body: Buffer): TlObject | undefined {
  try {
    const plain = unpackGzip(body);
    return plain.length >= 4 && SERVICE.has(plain.readUInt32LE(0)) ? decode(plain) : undefined;
  } catch (error) {
    // A call that can not be read is answered as a call.
    if (error instanceof TlError) return undefined;
    throw error;
  }
}

function serve(session: MtSession, message: InnerMessage, service: TlObject, ports: InboundPorts): void {
  const ids = (service['msg_ids'] ?? []) as bigint[];
  switch (service._) {
    case 'msgs_ack':
      return session.acknowledged(ids);
    case 'ping':
      return pong(session, message, service);
    case 'ping_delay_disconnect':
      ports.disconnectAfter(service['disconnect_delay'] as number);
      return pong(session, message, service);
    case 'get_future_salts': {
      const now = ports.nowSeconds();
      const salts = futureSalts(session.key, now, service['num'] as number);
      return session.sendService(
        encode({
          _: 'future_salts',
          req_msg_id: message.id,
          now,
          salts: salts.map((salt) => ({ _: 'future_salt', ...salt })),
        }),
      );
    }
    case 'destroy_session': {
      const sessionId = service['session_id'] as bigint;
      const done = sessionId !== session.id && ports.destroySession(sessionId);
      const answer = { _: done ? 'destroy_session_ok' : 'destroy_session_none', session_id: sessionId };
      return session.sendService(encode(answer));
    }
    case 'msgs_state_req':
      return stateInfo(session, message.id, ids);
    case 'msg_resend_req': {
      const missing = session.resend(ids);
      return missing.length === 0 ? undefined : stateInfo(session, message.id, ids);
    }
    case 'rpc_drop_answer':
      return session.sendAnswerOf(message.id, session.dropAnswer(service['req_msg_id'] as bigint));
    case 'destroy_auth_key':
      session.sendService(encode({ _: 'destroy_auth_key_ok' }));
      return ports.destroyKey();
    default:
      // What the client tells of its own side asks for nothing.
      return undefined;
  }
}

function pong(session: MtSession, message: InnerMessage, service: TlObject): void {
  session.sendService(encode({ _: 'pong', msg_id: message.id, ping_id: service['ping_id'] }));
}

function stateInfo(session: MtSession, requestId: bigint, ids: readonly bigint[]): void {
  const info = Buffer.from(ids.map((id) => session.received.state(id)));
  session.sendService(encode({ _: 'msgs_state_info', req_msg_id: requestId, info }));
}

function refuse(session: MtSession, message: InnerMessage, code: number, ports: InboundPorts): void {
  ports.refused();
  const what = { bad_msg_id: message.id, bad_msg_seqno: message.seqno, error_code: code };
  const notice: TlObject =
    code === BAD.salt
      ? { _: 'bad_server_salt', ...what, new_server_salt: saltAt(session.key, ports.nowSeconds()) }
      : { _: 'bad_msg_notification', ...what };
  session.sendService(encode(notice));
}
