import { create, type JsonObject } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  LeaseLossReasonSchema,
  LeaseSchema,
  type Lease,
  type LeaseLossReason,
} from '#gen/telegate/session_pool/v1/lease_pb.ts';
import {
  HoldLeaseResponseSchema,
  type HoldLeaseResponse,
} from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { messageJson, type Colour, type Paint } from '../terminal/output.ts';
import { plain } from '../terminal/table.ts';
import { moment, span, spanOf, timeOfDay } from '../terminal/times.ts';
import { enumNames, nameOf } from '../values.ts';

/** What happens to a lease that is held: heard from the mesh, or seen from here. */
export type HolderEvent =
  | { kind: 'heard'; event: HoldLeaseResponse['event'] }
  /** `safeMs`: how long the session may still be used without another renewal; undefined before the grant. */
  | { kind: 'disconnected'; problem: string; safeMs: number | undefined }
  | { kind: 'attached'; lease: Lease }
  /** No renewal was acknowledged in time: stop using the session. */
  | { kind: 'suspended' }
  /** The same lease was renewed after all. */
  | { kind: 'resumed'; lease: Lease }
  /** It could not be given back, and ends by itself. */
  | { kind: 'unreleased'; endMs: number };

const lossNames: Map<string, LeaseLossReason> = enumNames(LeaseLossReasonSchema);

export function eventJson(event: HolderEvent, now: number): JsonObject {
  return { time: new Date(now).toISOString(), ...bodyJson(event) };
}

function bodyJson(event: HolderEvent): JsonObject {
  switch (event.kind) {
    case 'heard':
      return messageJson(
        HoldLeaseResponseSchema,
        create(HoldLeaseResponseSchema, { event: event.event }),
      ) as JsonObject;
    case 'disconnected':
      return {
        disconnected: {
          problem: event.problem,
          ...(event.safeMs === undefined ? {} : { safe: `${Math.round(event.safeMs) / 1_000}s` }),
        },
      };
    case 'attached':
    case 'resumed':
      return { [event.kind]: messageJson(LeaseSchema, event.lease) };
    case 'suspended':
      return { suspended: {} };
    case 'unreleased':
      return { unreleased: { endTime: new Date(event.endMs).toISOString() } };
  }
}

/** A line for people; undefined for what happens all the time. */
export function eventLine(event: HolderEvent, now: number, paint: Paint): string | undefined {
  const told = wording(event, now);
  if (!told) return undefined;
  const [word, colour, text] = told;
  return `${paint('dim', timeOfDay(now))}  ${paint(colour, word.padEnd(12))}  ${plain(text)}`;
}

function wording(event: HolderEvent, now: number): [string, Colour, string] | undefined {
  switch (event.kind) {
    case 'heard':
      return heardWording(event.event, now);
    case 'disconnected':
      return [
        'disconnected',
        'yellow',
        event.safeMs === undefined
          ? `${event.problem}; connecting again`
          : `${event.problem}; connecting again, the session is safe to use for ${span(event.safeMs)}`,
      ];
    case 'attached':
      return ['attached', 'green', `on another connection, still token ${event.lease.fencingToken}`];
    case 'suspended':
      return [
        'suspended',
        'red',
        'no renewal was answered in time: consider the lease lost and stop using the session; still trying',
      ];
    case 'resumed':
      return ['resumed', 'green', `held again, still token ${event.lease.fencingToken}`];
    case 'unreleased':
      return [
        'unreleased',
        'red',
        `the mesh did not answer; the lease ends by itself at ${moment(timestampFromMs(event.endMs), now)}`,
      ];
  }
}

function heardWording(heard: HoldLeaseResponse['event'], now: number): [string, Colour, string] | undefined {
  switch (heard.case) {
    case 'queued': {
      const { position, estimate } = heard.value;
      const when = estimate ? `about ${spanOf(estimate)}` : 'no end in sight';
      return ['queued', 'yellow', `position ${position}, ${when}`];
    }
    case 'granted': {
      const { sessionId, sessionName, leaseId, fencingToken, ttl } = heard.value;
      const lives = ttl ? `, ttl ${spanOf(ttl)}` : '';
      return [
        'granted',
        'green',
        `session ${sessionId} (${sessionName}), lease ${leaseId}, token ${fencingToken}${lives}`,
      ];
    }
    case 'floodWait': {
      const { method, peer, endTime } = heard.value;
      const what = `${method === '' ? 'every method' : method}${peer === '' ? '' : ` to ${peer}`}`;
      return ['flood wait', 'yellow', `${what} until ${moment(endTime, now)}`];
    }
    case 'drainRequested':
      return [
        'drain',
        'yellow',
        `somebody asks for the session: Ctrl-C gives it up; it is revoked at ${moment(heard.value.deadline, now)}`,
      ];
    case 'lost':
      return ['lost', 'red', `${lossText(heard.value.reason)}; stop using the session`];
    case 'released':
      return ['released', 'green', `lease ${heard.value.leaseId}`];
    case 'goAway':
      return ['go away', 'yellow', 'this replica stops; the lease goes on elsewhere'];
    case 'renewed':
    case undefined:
      return undefined;
  }
}

function lossText(reason: LeaseLossReason): string {
  return lossSentences.get(nameOf(lossNames, reason)) ?? 'the lease is over';
}

const lossSentences: ReadonlyMap<string, string> = new Map([
  ['expired', 'it was not renewed in time'],
  ['revoked', 'it was revoked'],
  ['session_gone', 'the session was taken out of the pool'],
  ['stale', 'it ended earlier'],
]);
