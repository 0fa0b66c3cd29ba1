import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  CallOutcome,
  ConnectionEnd,
  type CallSchema,
  type ConnectionSchema,
  type CountersSchema,
  type KeyEventSchema,
  type LogEventSchema,
} from '#gen/telegate/local_telegram/v1/log_pb.ts';
import type { CallRecord, ConnectionRecord, KeyEventRecord, Log, LogEntry } from '../log.ts';
import { stamp, stampOf } from './fields.ts';

export function connectionMessage(one: ConnectionRecord): MessageInitShape<typeof ConnectionSchema> {
  return {
    connectionId: String(one.id),
    dataCenter: one.dataCenter,
    clientAddress: one.clientAddress,
    transport: one.transport,
    obfuscated: one.obfuscated,
    openTime: stamp(one.openTime),
    closeTime: stampOf(one.closeTime),
    end: one.end,
    keys: one.keys.map((use) => ({
      keyId: use.keyId,
      mtprotoSessionId: use.sessionId,
      accountId: idText(use.accountId),
      firstMessageTime: stamp(use.firstTime),
      lastMessageTime: stamp(use.lastTime),
      messages: BigInt(use.messages),
    })),
    calls: BigInt(one.calls),
    bytesIn: BigInt(one.bytesIn),
    bytesOut: BigInt(one.bytesOut),
  };
}

export function callMessage(call: CallRecord): MessageInitShape<typeof CallSchema> {
  return {
    ...callStart(call),
    endTime: stampOf(call.endTime),
    outcome: call.outcome,
    errorCode: call.errorCode,
    errorText: call.errorText,
    deduplicated: call.deduplicated,
    faultId: call.faultId,
    effect: call.effect,
  };
}

function callStart(call: CallRecord): MessageInitShape<typeof CallSchema> {
  return {
    callId: String(call.id),
    connectionId: String(call.connectionId),
    keyId: call.keyId,
    mtprotoSessionId: call.sessionId,
    mtprotoMessageId: BigInt.asUintN(64, call.messageId).toString(16).padStart(16, '0'),
    accountId: idText(call.accountId),
    dataCenter: call.dataCenter,
    method: call.method,
    startTime: stamp(call.startTime),
    outcome: CallOutcome.UNSPECIFIED,
    randomId: call.randomId,
    peer: call.peer,
  };
}

function keyMessage(key: KeyEventRecord): MessageInitShape<typeof KeyEventSchema> {
  return {
    keyId: key.keyId,
    accountId: idText(key.accountId),
    dataCenter: key.dataCenter,
    connectionIds: key.connectionIds.map(String),
  };
}

function idText(id: number): string {
  return id === 0 ? '' : String(id);
}

export function eventMessage(sequence: number, entry: LogEntry): MessageInitShape<typeof LogEventSchema> {
  const head = { sequence: BigInt(sequence), eventTime: stamp(entry.time) };
  switch (entry.kind) {
    case 'connectionOpened':
    case 'connectionBound': {
      // As it was then: what came later is in later entries.
      const value = {
        ...connectionMessage(entry.connection),
        closeTime: undefined,
        end: ConnectionEnd.UNSPECIFIED,
      };
      return { ...head, event: { case: entry.kind, value } };
    }
    case 'connectionClosed':
      return { ...head, event: { case: entry.kind, value: connectionMessage(entry.connection) } };
    case 'callStarted':
      return { ...head, event: { case: entry.kind, value: callStart(entry.call) } };
    case 'callEnded':
      return { ...head, event: { case: entry.kind, value: callMessage(entry.call) } };
    case 'keyCreated':
    case 'keyAuthorized':
    case 'keyEnded':
    case 'keyDuplicated':
      return { ...head, event: { case: entry.kind, value: keyMessage(entry.key) } };
  }
}

export function countersMessage({ counters, open }: Log): MessageInitShape<typeof CountersSchema> {
  return {
    connectionsOpened: BigInt(counters.connectionsOpened),
    connectionsOpen: BigInt(open.size),
    keysCreated: BigInt(counters.keysCreated),
    keysDuplicated: BigInt(counters.keysDuplicated),
    logins: BigInt(counters.logins),
    calls: BigInt(counters.calls),
    callsByMethod: asBigints(counters.callsByMethod),
    errorsByText: asBigints(counters.errorsByText),
    messagesSent: BigInt(counters.messagesSent),
    sendsDeduplicated: BigInt(counters.sendsDeduplicated),
    reactions: BigInt(counters.reactions),
    viewIncrements: BigInt(counters.viewIncrements),
    updatesPushed: BigInt(counters.updatesPushed),
    messagesRefused: BigInt(counters.messagesRefused),
    faultsStruck: BigInt(counters.faultsStruck),
  };
}

function asBigints(map: Map<string, number>): { [name: string]: bigint } {
  return Object.fromEntries([...map].map(([name, value]) => [name, BigInt(value)]));
}
