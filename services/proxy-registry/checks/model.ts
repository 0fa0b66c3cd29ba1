import { ProxyState } from '#gen/telegate/proxy_registry/v1/proxy_pb.ts';

/** What a look at a proxy found. */
export interface Finding {
  readonly state: ProxyState;
  /** Why it is down or slow, in plain words. */
  readonly reason: string;
  readonly latencyMs: number | null;
  readonly exitAddress: string;
}

export function findingOf(
  { latencyMs, exitAddress }: { latencyMs: number; exitAddress: string },
  slowAfterMs: number,
): Finding {
  const rounded = Math.max(1, Math.round(latencyMs));
  if (latencyMs <= slowAfterMs) return { state: ProxyState.UP, reason: '', latencyMs: rounded, exitAddress };
  const reason = `It took ${rounded} ms to reach Telegram; over ${slowAfterMs} ms counts as slow.`;
  return { state: ProxyState.SLOW, reason, latencyMs: rounded, exitAddress };
}

export function downBecause(reason: string): Finding {
  return { state: ProxyState.DOWN, reason, latencyMs: null, exitAddress: '' };
}

const FIRST_RETRY_MS = 10_000;
/** A proxy that has been down for long is looked at this often at least, as a share of how often one that works is. */
const LONGEST_RETRY = 4;
/** Of the pause: proxies that were added together are not all looked at together for ever. */
const JITTER = 0.2;

/** How long until the next look: for one that is down 10 s at first, and twice as long each time. */
export function nextCheckMs(failures: number, everyMs: number, random: () => number): number {
  const base = failures === 0 ? everyMs : retryMs(failures, everyMs);
  return Math.round(base * (1 - JITTER / 2 + random() * JITTER));
}

function retryMs(failures: number, everyMs: number): number {
  return Math.min(
    Math.min(FIRST_RETRY_MS, everyMs) * 2 ** Math.min(failures - 1, 30),
    LONGEST_RETRY * everyMs,
  );
}

/** An event tells that a proxy works, or works no more; how fast it is is no event. */
export function turnedTo(before: ProxyState, after: ProxyState): 'proxyUp' | 'proxyDown' | undefined {
  if (works(after) && !works(before)) return 'proxyUp';
  if (after === ProxyState.DOWN && before !== ProxyState.DOWN) return 'proxyDown';
  return undefined;
}

function works(state: ProxyState): boolean {
  return state === ProxyState.UP || state === ProxyState.SLOW;
}
