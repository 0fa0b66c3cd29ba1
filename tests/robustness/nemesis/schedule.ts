import type { Recorder } from '../history.ts';
import type { Random } from '../random.ts';
import { monotonic, pause, until } from '../time.ts';
import type { Pace } from '../traffic/paced.ts';
import { runFault, type Fault, type Nemesis } from './fault.ts';
import { killAll, killReplica } from './kill-replicas.ts';
import { lockRows } from './lock-rows.ts';
import {
  killMessaging,
  suspendMessaging,
  suspendMessagingBriefly,
  suspendMessagingUntold,
} from './messaging.ts';
import {
  cutClients,
  cutDatabase,
  delayClients,
  delayDatabase,
  silenceClients,
  silenceDatabase,
} from './network.ts';
import {
  breakProxy,
  cutMessagingClients,
  cutMessagingDatabase,
  cutTelegram,
  killAllMessaging,
  silenceMessagingClients,
  silenceTelegram,
} from './ways.ts';
import { crashDatabase, restartDatabase } from './restart-database.ts';
import { restartNats } from './restart-nats.ts';
import { skewClock } from './skew-clock.ts';
import { suspendAll, suspendHolders, suspendReplica } from './suspend.ts';

export const allFaults: readonly Fault[] = [
  killReplica,
  killAll,
  restartDatabase,
  crashDatabase,
  restartNats,
  suspendHolders,
  suspendReplica,
  suspendAll,
  skewClock,
  lockRows,
  cutClients,
  cutDatabase,
  silenceClients,
  silenceDatabase,
  delayClients,
  delayDatabase,
];

/** Of messaging processes, and of what they stand on. */
export const telegramFaults: readonly Fault[] = [
  killMessaging,
  suspendMessaging,
  suspendMessagingBriefly,
  suspendMessagingUntold,
  killReplica,
  killAll,
  suspendReplica,
  crashDatabase,
  cutClients,
  silenceClients,
];

/** Of the real messaging service, and of what it stands on. */
export const messagingFaults: readonly Fault[] = [
  killMessaging,
  killAllMessaging,
  suspendMessaging,
  suspendMessagingBriefly,
  suspendMessagingUntold,
  killReplica,
  killAll,
  suspendReplica,
  restartDatabase,
  crashDatabase,
  restartNats,
  cutClients,
  silenceClients,
  cutTelegram,
  silenceTelegram,
  cutMessagingClients,
  silenceMessagingClients,
  cutMessagingDatabase,
  breakProxy,
];

export function chooseFaults(
  names: readonly string[] | undefined,
  all: readonly Fault[] = allFaults,
): readonly Fault[] {
  if (!names) return all;
  return names.map((name) => {
    const fault = all.find((one) => one.name === name);
    if (fault) return fault;
    const known = all.map((one) => one.name).join(', ');
    throw new Error(`there is no fault "${name}"; there are ${known}`);
  });
}

const CALM_MS = 1_200;
/** How long the next fault waits for the throughput to come back; the checker judges whether it took too long. */
const RECOVERY_LIMIT_MS = 12_000;

/**
 * One fault after the other until the time is over, all kinds in an order that follows from the seed, then in
 * another; after each the system gets time to recover, which is measured.
 */
export async function runSchedule(options: {
  faults: readonly Fault[];
  nemesis: Nemesis;
  random: Random;
  recorder: Recorder;
  pace: Pace;
  forMs: number;
  say(text: string): void;
}): Promise<void> {
  const { faults, nemesis, random, recorder, pace, say } = options;
  const startedAt = monotonic();
  let deck: Fault[] = [];
  for (let turn = 1; ; turn += 1) {
    await pause(CALM_MS + random.between(0, 800));
    await until(() => pace.healthy, { limitMs: RECOVERY_LIMIT_MS });
    if (monotonic() - startedAt > options.forMs) return;
    if (deck.length === 0) deck = random.shuffled(faults);
    const fault = deck.pop()!;
    const entry = await runFault(fault, nemesis, random.fork(`${turn}`));
    recorder.write(entry);
    const second = ((entry.t - startedAt) / 1_000).toFixed(1);
    const lasted = ((entry.healed - entry.t) / 1_000).toFixed(1);
    const back = ((entry.returned - entry.lifted) / 1_000).toFixed(1);
    say(
      `  ${second.padStart(6)} s  ${fault.name}${entry.note ? ` (${entry.note})` : ''} for ${lasted} s, all replicas back ${back} s after its end`,
    );
  }
}
