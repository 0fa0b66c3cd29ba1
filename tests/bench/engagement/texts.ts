import { randomUUIDv7 } from 'node:crypto';
import { systemClock } from '#lib/lifecycle/clock.ts';
import { openDatabase } from '#lib/postgres/database.ts';
import { createLogger } from '#lib/telemetry/log.ts';
import type { EngagementTables } from '../../../services/engagement/tables.ts';
import { openTexts } from '../../../services/engagement/texts/texts.ts';
import type { Bench } from '../pool/bench.ts';
import type { Line } from '../report.ts';
import { median } from '../statistics.ts';

const CAMPAIGNS = 16;
const LETTERS = '{a|b|c|d|e|f|g|h|i|j|k|l|m|n|o|p|q|r|s|t}';

/** Texts by template: chosen, kept and disclosed, each in a transaction; a campaign's one after the other. */
export async function measureTexts(bench: Bench): Promise<Line[]> {
  const { rounds, seconds } = bench.options;
  const system = await bench.start({ sessions: 0 });
  const log = createLogger({ service: 'bench', level: 'silent' });
  const database = openDatabase<EngagementTables>({
    url: system.url,
    schema: 'engagement',
    poolSize: CAMPAIGNS,
    applicationName: 'bench',
    log,
  });
  const texts = openTexts(
    {
      disclosureLine: 'Automated, for the team of this benchmark.',
      model: undefined,
      budgets: { deployment: 1, campaign: 1 },
    },
    { database, clock: systemClock, random: Math.random },
  );
  const signal = new AbortController().signal;
  const plan = { tone: '', language: '', prompt: '', templates: [Array(6).fill(LETTERS).join(' ')] };
  const post = { channelTitle: 'bench', text: 'post' };
  const tenantId = randomUUIDv7();
  try {
    const rates: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const startedAt = performance.now();
      const until = startedAt + 1_000 * seconds;
      let made = 0;
      await Promise.all(
        Array.from({ length: CAMPAIGNS }, async () => {
          const campaignId = randomUUIDv7();
          for (; performance.now() < until; made += 1) {
            const wish = { tenantId, campaignId, actionId: randomUUIDv7(), plan, post };
            const { kind } = await texts.compose(wish, signal);
            if (kind !== 'text') throw new Error(`no text, but ${kind}`);
          }
        }),
      );
      rates.push((1_000 * made) / (performance.now() - startedAt));
    }
    const value = median(rates);
    return [
      {
        name: `texts by template, ${CAMPAIGNS} campaigns at once`,
        value,
        shown: `${Math.round(value)} texts/s`,
        rounds: rates,
      },
    ];
  } finally {
    await database.close();
    await system.stop();
  }
}
