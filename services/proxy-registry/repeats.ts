import { fromBinary, toBinary, type DescMessage, type MessageShape } from '@bufbuild/protobuf';
import { transaction } from '#lib/postgres/transaction.ts';
import { RequestIdReused } from '#lib/rpc/errors.ts';
import { findAnswers, saveAnswers, withReplayRetry, type ReplayKey } from '#lib/requests/replay.ts';
import type { Registry } from './registry.ts';
import type { RegistryTransaction } from './tables.ts';
import { takeTurns } from './turns.ts';

/**
 * Does `body` in the tenant's turn unless the same request was answered before, and keeps its answer. The turn
 * makes a repeat wait for the first: then it finds the answer.
 */
export function once<Desc extends DescMessage>(
  { database }: Pick<Registry, 'database'>,
  tenantId: string,
  schema: Desc,
  replay: ReplayKey | undefined,
  body: (trx: RegistryTransaction) => Promise<MessageShape<Desc>>,
): Promise<MessageShape<Desc>> {
  return withReplayRetry(() =>
    transaction(database, async (trx) => {
      await takeTurns(trx, [tenantId]);
      const earlier = replay && (await findAnswers(trx, [replay])).get(replay);
      if (earlier instanceof RequestIdReused) throw earlier;
      if (earlier) return fromBinary(schema, earlier);
      const answer = await body(trx);
      if (replay) await saveAnswers(trx, [{ key: replay, answer: toBinary(schema, answer) }]);
      return answer;
    }),
  );
}
