import { sql, type QueryExecutorProvider } from 'kysely';
import { REAL_TELEGRAM } from '#lib/telegram/environment.ts';
import type { Logger } from '#lib/telemetry/log.ts';

/*
 * What holds whatever a campaign says, over all campaigns. Telegram forbids faked engagement, so on the real Telegram
 * no configuration reaches beyond `HARDEST`: there is no switch for it.
 */

export interface Limits {
  /** Actions of an account in any 24 hours. */
  readonly accountDaily: number;
  /** Between an account's actions, at the least. */
  readonly accountGapMs: number;
  /** Actions in a channel in any hour. */
  readonly targetHourly: number;
  /** Actions of one kind at one post, ever. */
  readonly postCeiling: number;
}

export const DEFAULTS: Limits = { accountDaily: 20, accountGapMs: 60_000, targetHourly: 60, postCeiling: 10 };

const HARDEST: Limits = { accountDaily: 50, accountGapMs: 20_000, targetHourly: 240, postCeiling: 50 };

export function limitsOn(environment: string, configured: Limits): Limits {
  if (environment !== REAL_TELEGRAM) return configured;
  return {
    accountDaily: Math.min(configured.accountDaily, HARDEST.accountDaily),
    accountGapMs: Math.max(configured.accountGapMs, HARDEST.accountGapMs),
    targetHourly: Math.min(configured.targetHourly, HARDEST.targetHourly),
    postCeiling: Math.min(configured.postCeiling, HARDEST.postCeiling),
  };
}

export interface RaisedLimit {
  readonly name: string;
  readonly defaultValue: string;
  readonly value: string;
}

/** The variables whose limits are looser than the default. */
export function raisedLimits(limits: Limits): RaisedLimit[] {
  const raised: [string, number, number, boolean][] = [
    [
      'ENGAGE_ACCOUNT_ACTIONS_A_DAY',
      DEFAULTS.accountDaily,
      limits.accountDaily,
      limits.accountDaily > DEFAULTS.accountDaily,
    ],
    [
      'ENGAGE_TARGET_ACTIONS_AN_HOUR',
      DEFAULTS.targetHourly,
      limits.targetHourly,
      limits.targetHourly > DEFAULTS.targetHourly,
    ],
    [
      'ENGAGE_POST_ACTIONS_OF_A_KIND',
      DEFAULTS.postCeiling,
      limits.postCeiling,
      limits.postCeiling > DEFAULTS.postCeiling,
    ],
  ];
  const counts = raised
    .filter(([, , , isRaised]) => isRaised)
    .map(([name, defaultValue, value]) => ({
      name,
      defaultValue: String(defaultValue),
      value: String(value),
    }));
  if (limits.accountGapMs >= DEFAULTS.accountGapMs) return counts;
  return [
    ...counts,
    {
      name: 'ENGAGE_ACCOUNT_GAP',
      defaultValue: `${DEFAULTS.accountGapMs / 1_000}s`,
      value: `${limits.accountGapMs / 1_000}s`,
    },
  ];
}

/** That a process serves with looser limits than the default is kept, and said. */
export async function recordRaised(
  executor: QueryExecutorProvider,
  { processId, environment, limits }: { processId: string; environment: string; limits: Limits },
  log: Logger,
): Promise<void> {
  const raised = raisedLimits(limits);
  if (raised.length === 0) return;
  log.warn(
    { kind: 'audit', action: 'ceiling_raised', environment, raised },
    'campaigns may do more than the default',
  );
  await sql`
    insert into raised_ceilings (name, environment, value, default_value, process_id)
    select name, ${environment}, value, default_value, ${processId} from unnest(
      ${raised.map(({ name }) => name)}::text[],
      ${raised.map(({ value }) => value)}::text[],
      ${raised.map(({ defaultValue }) => defaultValue)}::text[]
    ) as raised (name, value, default_value)
    on conflict do nothing`.execute(executor);
}
