import { fileURLToPath } from 'node:url';
import { check } from '../check/check.ts';
import type { Verdict } from '../check/verdict.ts';
import { readHistory, type Entry } from '../history.ts';
import type { Fault } from '../nemesis/fault.ts';
import { checkMessaging } from '../messaging/check.ts';
import { runMessagingScenario } from '../messaging/run.ts';
import { allFaults, chooseFaults, messagingFaults, telegramFaults } from '../nemesis/schedule.ts';
import { removeHistory, runScenario, type Scenario } from '../run-scenario.ts';
import { checkTelegram } from '../telegram/check.ts';
import { runTelegramScenario } from '../telegram/run.ts';
import { monotonic } from '../time.ts';
import { controlNamed, controls, type Control } from './controls.ts';
import { checkChanges } from './rewrite.ts';

/** A control must be caught by rounds that begin within this time; a round is a run of its own, with its history. */
const LIMIT_MS = 120_000;
const ROUND_SECONDS = 15;

export interface Catch {
  readonly control: string;
  readonly caught: boolean;
  readonly tookMs: number;
  /** One violation of an invariant that this control must break. */
  readonly example?: string;
}

interface Stage {
  readonly program: string;
  readonly faults: readonly Fault[];
  run(scenario: Scenario): Promise<void>;
  check(entries: readonly Entry[]): Verdict[];
}

const program = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

const stages: Record<Control['in'], Stage> = {
  'session-pool': {
    program: program('broken-session-pool.ts'),
    faults: allFaults,
    run: runScenario,
    check,
  },
  messaging: {
    program: program('broken-messaging.ts'),
    faults: telegramFaults,
    run: runTelegramScenario,
    check: checkTelegram,
  },
  'messaging-service': {
    program: program('broken-messaging-service.ts'),
    faults: messagingFaults,
    run: runMessagingScenario,
    check: checkMessaging,
  },
};

export function faultsOf(control: Control): readonly Fault[] {
  return chooseFaults(control.faults, stages[control.in].faults);
}

export function chooseControls(name: string): readonly Control[] {
  return name === 'all' ? controls : [controlNamed(name)];
}

export async function catchControl(
  control: Control,
  options: {
    seed: string;
    events: 'nats' | 'postgres' | undefined;
    newHistory(): string;
    say(text: string): void;
  },
): Promise<Catch> {
  checkChanges(control.changes);
  const stage = stages[control.in];
  const startedAt = monotonic();
  for (let round = 1; monotonic() - startedAt < LIMIT_MS; round += 1) {
    const history = options.newHistory();
    await stage.run({
      ...options,
      seed: `${options.seed}-${round}`,
      seconds: ROUND_SECONDS,
      faults: faultsOf(control),
      history,
      control: control.name,
      entry: stage.program,
    });
    const verdicts = stage.check(readHistory(history));
    removeHistory(history);
    const expected = verdicts.filter(({ invariant }) => control.breaks.includes(invariant));
    const example = expected.flatMap(({ invariant, violations }) =>
      violations.slice(0, 1).map((text) => `${invariant}: ${text}`),
    )[0];
    const tookMs = monotonic() - startedAt;
    if (example !== undefined) return { control: control.name, caught: true, tookMs, example };
  }
  return { control: control.name, caught: false, tookMs: monotonic() - startedAt };
}
