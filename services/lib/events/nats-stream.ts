import type { StartFrom } from './bus.ts';

/** The stream and its limits, declared here and brought about at start-up. */
export const STREAM = 'TELEGATE';

const SECOND = 1_000_000_000;

export const streamConfig = {
  name: STREAM,
  description: 'Events of the TeleGate services',
  subjects: ['telegate.v1.>'],
  retention: 'limits',
  storage: 'file',
  discard: 'old',
  max_age: 7 * 24 * 3600 * SECOND,
  max_bytes: 2 * 1024 ** 3,
  max_msg_size: 1024 ** 2,
  /** A relay that dies between publishing and deleting is replaced well within this. */
  duplicate_window: 120 * SECOND,
} as const;

/** What one consumer may hold unacknowledged; an entity that fails for good stops its durable here. */
export const MAX_IN_HAND = 1_024;
export const ACK_WAIT_MS = 30_000;
/** Replicas of a durable take turns, one at a time, so that an entity's order holds; this long after a death. */
export const PINNED_MS = 10_000;
export const PIN_GROUP = 'telegate';
/** Pinning came with this version. */
export const OLDEST_SERVER = [2, 11] as const;

export interface DurableConfig {
  durable: string;
  subjects: readonly string[];
  startFrom?: StartFrom | undefined;
  /** Epoch milliseconds. */
  now: number;
  forgetAfterMs?: number | undefined;
  ackWaitMs: number;
  pinnedMs: number;
}

export function consumerConfig(options: DurableConfig): Record<string, unknown> {
  const { durable, subjects, startFrom = 'first', forgetAfterMs } = options;
  return {
    name: durable,
    durable_name: durable,
    ...deliverFrom(startFrom, options.now),
    ack_policy: 'explicit',
    ack_wait: nanoseconds(options.ackWaitMs),
    max_deliver: -1,
    max_ack_pending: MAX_IN_HAND,
    filter_subjects: [...subjects],
    priority_groups: [PIN_GROUP],
    priority_policy: 'pinned_client',
    priority_timeout: nanoseconds(options.pinnedMs),
    ...(forgetAfterMs === undefined ? {} : { inactive_threshold: nanoseconds(forgetAfterMs) }),
  };
}

function deliverFrom(startFrom: StartFrom, now: number): Record<string, unknown> {
  if (startFrom === 'first') return { deliver_policy: 'all' };
  if (startFrom === 'new') return { deliver_policy: 'new' };
  const since = new Date(now - startFrom.agoMs).toISOString();
  return { deliver_policy: 'by_start_time', opt_start_time: since };
}

export function nanoseconds(ms: number): number {
  return ms * 1_000_000;
}
