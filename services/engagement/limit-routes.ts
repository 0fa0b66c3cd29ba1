import { durationFromMs, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { sql } from 'kysely';
import type { EngagementService } from '#gen/telegate/engagement/v1/engagement_service_pb.ts';
import { withRetry } from '#lib/postgres/transaction.ts';
import type { Handlers } from '#lib/rpc/implement.ts';
import type { Engagement } from './engagement.ts';
import { raisedLimits } from './limits.ts';

export type LimitHandlers = Pick<Handlers<typeof EngagementService>, 'getLimits'>;

export function limitRoutes({ database, settings, texts }: Engagement): LimitHandlers {
  const { limits, environment } = settings;
  return {
    async getLimits() {
      const { rows } = await withRetry(() =>
        sql<{ name: string; value: string; raise_time: Date }>`
          select name, value, raise_time from raised_ceilings
          where environment = ${environment}`.execute(database.kysely),
      );
      const since = new Map(rows.map((row) => [`${row.name} ${row.value}`, row.raise_time]));
      return {
        limits: {
          accountActionsADay: limits.accountDaily,
          accountGap: durationFromMs(limits.accountGapMs),
          targetActionsAnHour: limits.targetHourly,
          postActionsOfAKind: limits.postCeiling,
          disclosure: texts.disclosureLine,
          environment,
          raised: raisedLimits(limits).map((raised) => {
            const time = since.get(`${raised.name} ${raised.value}`);
            return { ...raised, ...(time ? { raiseTime: timestampFromDate(time) } : {}) };
          }),
        },
      };
    },
  };
}
