import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  CreateAccountResponseSchema,
  type CreateAccountResponse,
} from '#gen/telegate/account_auth/v1/account_auth_service_pb.ts';
import { transaction } from '#lib/postgres/transaction.ts';
import { findAnswers, saveAnswers, withReplayRetry, type ReplayKey } from '#lib/requests/replay.ts';
import { AlreadyExists, QuotaExceeded, RequestIdReused } from '#lib/rpc/errors.ts';
import { sql } from 'kysely';
import type { AccountAuthTransaction } from '../tables.ts';
import type { Accounts } from './accounts.ts';
import { accountMessage } from './model.ts';
import { findAccount, insertAccount, takeTurn, type NewAccount } from './store.ts';

const ACCOUNTS_A_TENANT = 100_000;

export async function createAccount(
  { database }: Accounts,
  wish: NewAccount,
  replay: ReplayKey | undefined,
): Promise<CreateAccountResponse> {
  const { tenantId, phone } = wish;
  return withReplayRetry(() =>
    transaction(database, async (trx) => {
      const earlier = replay && (await findAnswers(trx, [replay])).get(replay);
      if (earlier instanceof RequestIdReused) throw earlier;
      if (earlier) return fromBinary(CreateAccountResponseSchema, earlier);
      await takeTurn(trx, tenantId);
      if (await findAccount(trx, tenantId, { phone })) {
        // The very same request may have made it while this one waited for its turn.
        const answer = replay && (await findAnswers(trx, [replay])).get(replay);
        if (answer instanceof RequestIdReused) throw answer;
        if (answer) return fromBinary(CreateAccountResponseSchema, answer);
        throw new AlreadyExists('account', phone);
      }
      await refuseTooMany(trx, tenantId);
      const account = accountMessage(await insertAccount(trx, wish));
      const response = create(CreateAccountResponseSchema, { account });
      if (replay)
        await saveAnswers(trx, [{ key: replay, answer: toBinary(CreateAccountResponseSchema, response) }]);
      return response;
    }),
  );
}

async function refuseTooMany(trx: AccountAuthTransaction, tenantId: string): Promise<void> {
  const { rows } = await sql<{ many: boolean }>`
    select count(*) >= ${ACCOUNTS_A_TENANT} as many from accounts where tenant_id = ${tenantId}::uuid`.execute(
    trx,
  );
  if (rows[0]!.many)
    throw new QuotaExceeded(
      'accounts',
      `The tenant has ${ACCOUNTS_A_TENANT} accounts. Delete those that nobody uses.`,
    );
}
