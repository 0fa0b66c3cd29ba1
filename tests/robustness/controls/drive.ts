import { fileURLToPath } from 'node:url';
import { check } from '../check/check.ts';
import { readHistory } from '../history.ts';
import { chooseFaults } from '../nemesis/schedule.ts';
import { removeHistory, runScenario } from '../run-scenario.ts';
import { monotonic } from '../time.ts';
import { controls, type Control } from './controls.ts';
import { checkChanges } from './rewrite.ts';

/** Within these two minutes a control must be caught; a round is a run of its own, with a history of its own. */
const LIMIT_MS = 120_000;
const ROUND_SECONDS = 15;

export interface Catch {
  readonly control: string;
  readonly caught: boolean;
  readonly tookMs: number;
  /** One violation of an invariant that this control must break. */
  readonly example?: string;
}

export const BROKEN_PROGRAM = fileURLToPath(new URL('broken-session-pool.ts', import.meta.url));

export function chooseControls(name: string): readonly Control[] {
  if (name === 'all') return controls;
  const control = controls.find((one) => one.name === name);
  if (!control)
    throw new Error(
      `there is no control "${name}"; there are all, ${controls.map((one) => one.name).join(', ')}`,
    );
  return [control];
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
  const startedAt = monotonic();
  for (let round = 1; monotonic() - startedAt < LIMIT_MS; round += 1) {
    const history = options.newHistory();
    await runScenario({
      ...options,
      seed: `${options.seed}-${round}`,
      seconds: ROUND_SECONDS,
      faults: chooseFaults(control.faults),
      history,
      control: control.name,
      entry: BROKEN_PROGRAM,
    });
    const verdicts = check(readHistory(history));
    removeHistory(history);
    const expected = verdicts.filter(({ invariant }) => control.breaks.includes(invariant));
    const example = expected.flatMap(({ invariant, violations }) =>
      violations.slice(0, 1).map((text) => `${invariant}: ${text}`),
    )[0];
    const tookMs = monotonic() - startedAt;
    if (example !== undefined) return { control: control.name, caught: tookMs < LIMIT_MS, tookMs, example };
  }
  return { control: control.name, caught: false, tookMs: monotonic() - startedAt };
}
