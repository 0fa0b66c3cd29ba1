import type { MasterKeys } from '#lib/config/shared.ts';
import type { RotationOutcome } from '../../services/session-pool/sessions/keys-rotate.ts';

const FAILURES_SHOWN = 20;

/** What an operator must know after a rotation: above all, which master keys can go. */
export function summaryOf(
  { rewrapped, failed, left }: RotationOutcome,
  { current, keys }: MasterKeys,
): string[] {
  const total = [...left.values()].reduce((sum, count) => sum + count, 0);
  const needed = [...left].filter(([version]) => version !== current);
  const unused = [...keys.keys()].filter((version) => version !== current && !left.has(version));
  return [
    ...failed.slice(0, FAILURES_SHOWN).map(({ sessionId, problem }) => `Session ${sessionId}: ${problem}`),
    ...(failed.length > FAILURES_SHOWN ? [`… and ${failed.length - FAILURES_SHOWN} sessions more.`] : []),
    `Session keys rewrapped: ${rewrapped}. Version ${current} wraps ${left.get(current) ?? 0} of ${total} in all.`,
    ...needed.map(
      ([version, count]) =>
        `Version ${version} of the master key still wraps ${count}: leave it where it is.`,
    ),
    ...unused.map((version) => `Version ${version} wraps none any more: take it out of TELEGATE_MASTER_KEY.`),
  ];
}
