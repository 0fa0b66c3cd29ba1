import { pause } from '#lib/lifecycle/clock.ts';
import { OWN_SUBJECT } from '../audit.ts';
import { onOwnBehalf, type Engagement } from '../engagement.ts';
import { claimDueTargets, keepFinding, verifyAllSoon, type TargetRow } from './store.ts';
import { verifyKnown } from './verify.ts';

const PAUSE_MS = 500;
/** Asking ten accounts in turn takes no longer. */
const VERIFY_MS = 60_000;

/**
 * Asks Telegram about each target when its time has come, one after the other and no more often than `perMinute`. Every
 * replica runs one; a target is asked about by one of them.
 */
export function startVerifying(
  engagement: Engagement,
  { perMinute }: { perMinute: number },
): { wake(): void; stop(): Promise<void> } {
  const { clock, log, random } = engagement;
  const stopping = new AbortController();
  let turn = new AbortController();

  async function pass(): Promise<void> {
    for (;;) {
      const [target] = stopping.signal.aborted ? [] : await claimDueTargets(engagement, 1, 2 * VERIFY_MS);
      if (!target) return;
      await verify(engagement, target, stopping.signal);
      await pause(clock, 60_000 / perMinute, stopping.signal);
    }
  }

  async function run(): Promise<void> {
    for (let isFirst = true; !stopping.signal.aborted;) {
      turn = new AbortController();
      try {
        if (isFirst) await verifyAllSoon(engagement);
        isFirst = false;
        await pass();
      } catch (error) {
        if (!stopping.signal.aborted)
          log.warn({ event: 'target_sweep', err: error }, 'targets could not be verified; it is tried again');
        turn = new AbortController();
      }
      const signal = AbortSignal.any([stopping.signal, turn.signal]);
      await pause(clock, PAUSE_MS * (0.8 + random() * 0.4), signal);
    }
  }

  const running = run();
  return {
    wake: () => turn.abort(),
    stop() {
      stopping.abort();
      return running;
    },
  };
}

async function verify(engagement: Engagement, target: TargetRow, signal: AbortSignal): Promise<void> {
  const parent = onOwnBehalf(target.tenant_id, signal, VERIFY_MS);
  try {
    const finding = await verifyKnown(engagement, parent, target);
    if (signal.aborted) return;
    await keepFinding(engagement, target.target_id, OWN_SUBJECT, finding);
    engagement.wakeRelay();
  } catch (error) {
    if (signal.aborted) return;
    engagement.log.warn(
      { event: 'target_sweep', err: error, target_id: target.target_id },
      'a target could not be verified; it is tried again',
    );
  }
}
