import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  FaultMoment,
  type FaultSchema,
  type FaultSpec,
  type FloodLimit as FloodLimitMessage,
  type FloodLimitSchema,
} from '#gen/telegate/local_telegram/v1/faults_pb.ts';
import type { LocalTelegramService } from '#gen/telegate/local_telegram/v1/local_telegram_service_pb.ts';
import type { Handlers } from '#lib/rpc/implement.ts';
import { durationMs, type PlayedFault } from '../faults.ts';
import type { FloodLimit } from '../flood-limits.ts';
import type { Telegram } from '../telegram.ts';
import { durationOf, invalid, stamp, stampOf } from './fields.ts';
import { pageOf } from './paging.ts';

type Calls = Handlers<typeof LocalTelegramService>;

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const MOST_GARBAGE = 65_536;
const LONGEST_WAIT_S = 604_800;
const MOST_FAULTS = 10_000;
const METHOD = /^(?:[a-z][A-Za-z]*\.)?[a-z]\w*$/;

export function faultRoutes(
  telegram: Telegram,
): Pick<
  Calls,
  | 'createFault'
  | 'listFaults'
  | 'deleteFault'
  | 'deleteAllFaults'
  | 'setFloodLimit'
  | 'listFloodLimits'
  | 'deleteFloodLimit'
> {
  const { faults, floods } = telegram;
  return {
    createFault: async ({ spec }) => {
      if (!spec) throw invalid('spec', 'is missing');
      checkSpec(spec);
      if (faults.list().length >= MOST_FAULTS)
        throw invalid('spec', `${MOST_FAULTS} faults are played already`);
      return { fault: faultMessage(faults.add(spec)) };
    },
    listFaults: async (request) => {
      const { shown, nextPageToken } = pageOf('faults', request, faults.list());
      return { faults: shown.map(faultMessage), nextPageToken };
    },
    deleteFault: async ({ faultId }) => {
      faults.delete(faultId);
      return {};
    },
    deleteAllFaults: async () => ({ deletedCount: faults.clear() }),
    setFloodLimit: async ({ limit }) => {
      if (!limit) throw invalid('limit', 'is missing');
      const read = readLimit(limit);
      floods.set(read);
      return { limit: limitMessage(read) };
    },
    listFloodLimits: async (request) => {
      const all = [...floods.limits.values()].toSorted((a, b) => (a.method < b.method ? -1 : 1));
      const { shown, nextPageToken } = pageOf('flood limits', request, all);
      return { limits: shown.map(limitMessage), nextPageToken };
    },
    deleteFloodLimit: async ({ method }) => {
      floods.delete(method);
      return {};
    },
  };
}

function checkSpec({ fault, count, skip, lifetime, scope }: FaultSpec): void {
  if (count < 0) throw invalid('spec.count', 'must not be negative');
  if (skip < 0) throw invalid('spec.skip', 'must not be negative');
  if (lifetime && durationMs(lifetime) <= 0) throw invalid('spec.lifetime', 'must be more than 0');
  for (const method of scope?.methods ?? [])
    if (!METHOD.test(method)) throw invalid('spec.scope.methods', `"${method.slice(0, 60)}" is no TL name`);
  switch (fault.case) {
    case undefined:
      throw invalid('spec.fault', 'exactly one must be set');
    case 'floodWait': {
      const { wait } = fault.value;
      const seconds = wait ? Number(wait.seconds) : 0;
      if (seconds < 1 || seconds > LONGEST_WAIT_S || wait?.nanos !== 0)
        throw invalid('spec.flood_wait.wait', `must be whole seconds, 1 to ${LONGEST_WAIT_S}`);
      return;
    }
    case 'rpcError':
      if (!/^[A-Za-z0-9_]{1,100}$/.test(fault.value.text))
        throw invalid('spec.rpc_error.text', 'must be the text as Telegram sends it, as PEER_FLOOD');
      return;
    case 'silence':
      if (fault.value.moment === FaultMoment.MID_ANSWER)
        throw invalid('spec.silence.moment', 'can not be in the middle of an answer');
      return;
    case 'delay':
      for (const [name, value] of [
        ['delay', fault.value.delay],
        ['jitter', fault.value.jitter],
      ] as const)
        if (value && (durationMs(value) < 0 || durationMs(value) > HOUR_MS))
          throw invalid(`spec.delay.${name}`, 'must be 0 to 1 h');
      return;
    case 'garbage':
      if (fault.value.length < 0 || fault.value.length > MOST_GARBAGE)
        throw invalid('spec.garbage.length', `must be 1 to ${MOST_GARBAGE}`);
      return;
    case 'transportError':
      if (fault.value.code > 0) throw invalid('spec.transport_error.code', 'must be negative');
      return;
    case 'clockSkew':
      if (Math.abs(fault.value.offset ? durationMs(fault.value.offset) : 0) > DAY_MS)
        throw invalid('spec.clock_skew.offset', 'must be at most a day');
      return;
    case 'drop':
    case 'refuseConnections':
    case 'unknownRsaKey':
    case 'holdUpdates':
    case 'serverTrouble':
      return;
  }
}

function faultMessage(fault: PlayedFault): MessageInitShape<typeof FaultSchema> {
  return {
    faultId: fault.id,
    spec: fault.spec,
    hits: BigInt(fault.hits),
    skipsLeft: fault.skipsLeft,
    createTime: stamp(fault.createTime),
    expireTime: stampOf(fault.expireTime),
  };
}

function readLimit({ method, calls, window, wait, perPeer }: FloodLimitMessage): FloodLimit {
  if (method !== '*' && !METHOD.test(method)) throw invalid('limit.method', 'must be a TL name, or *');
  if (calls < 1) throw invalid('limit.calls', 'must be at least 1');
  const windowMs = window ? durationMs(window) : 0;
  if (windowMs < 1_000 || windowMs > DAY_MS) throw invalid('limit.window', 'must be 1 s to 24 h');
  const waitMs = wait ? durationMs(wait) : undefined;
  if (waitMs !== undefined && waitMs < 1) throw invalid('limit.wait', 'must be more than 0');
  return { method, calls, windowMs, waitMs, perPeer };
}

function limitMessage(limit: FloodLimit): MessageInitShape<typeof FloodLimitSchema> {
  return {
    method: limit.method,
    calls: limit.calls,
    window: durationOf(limit.windowMs),
    ...(limit.waitMs === undefined ? {} : { wait: durationOf(limit.waitMs) }),
    perPeer: limit.perPeer,
  };
}
