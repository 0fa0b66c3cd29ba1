import { randomUUIDv7 } from 'node:crypto';
import { Client as Postgres } from 'pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { AccountState } from '#gen/telegate/account_auth/v1/account_pb.ts';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { FaultMoment } from '#gen/telegate/local_telegram/v1/faults_pb.ts';
import { startLoginProcesses, type LoginProcesses } from '../support/login-processes.ts';

let mesh: LoginProcesses;
let postgres: Postgres;

beforeAll(async () => {
  mesh = await startLoginProcesses({ replicas: 2 });
  postgres = new Postgres({ connectionString: mesh.pool.database.url });
  await postgres.connect();
}, 90_000);
afterAll(async () => {
  await postgres.end();
  await mesh.stop();
});

test('killed when Telegram has logged the account out and nobody else knows: another replica ends it', async () => {
  const tenantId = randomUUIDv7();
  const person = mesh.telegram.account();
  const client = mesh.client(tenantId);
  const { login } = await client.startLogin({ phone: person.phone });
  const { code } = mesh.telegram.telegram.logins.code(person.phone)!;
  const { account } = await client.submitCode({ loginId: login!.loginId, code });
  const { accountId, sessionId } = account!;
  const { control } = mesh.control;
  await control.createFault({
    spec: {
      scope: { accountIds: [String(person.id)], methods: ['auth.logOut'] },
      fault: { case: 'silence', value: { moment: FaultMoment.AFTER_CALL } },
    },
  });
  const cut = client.logOutAccount({ accountId }).catch((error: unknown) => error);
  await vi.waitFor(async () => {
    const { authorizations } = await control.listAuthorizations({ accountId: String(person.id) });
    expect(authorizations.filter(({ end }) => end === 0)).toEqual([]);
  });
  await mesh.replicas[0]!.stop('SIGKILL');
  expect(await cut).toMatchObject({ reason: ErrorReason.DEPENDENCY_UNAVAILABLE });
  await control.deleteAllFaults({});

  const survivor = mesh.client(tenantId, { replica: 1 });
  const read = async () =>
    (await survivor.getAccount({ key: { case: 'accountId', value: accountId } })).account!;
  // What was seen last: the log-out was begun, and is still to be ended.
  expect(await read()).toMatchObject({ sessionId, state: AccountState.AUTHORISED });
  await vi.waitFor(
    async () => {
      // As if the minute after which it is taken up were over.
      await postgres.query(
        `update account_auth.accounts set logging_out_time = clock_timestamp() - interval '2 minutes'
         where account_id = $1 and logging_out_time < clock_timestamp() - interval '5 seconds'`,
        [accountId],
      );
      expect(await read()).toMatchObject({ sessionId: 0n, state: AccountState.NEEDS_LOGIN });
    },
    { timeout: 60_000, interval: 1_000 },
  );
  await vi.waitFor(
    () =>
      expect(mesh.pool.client(tenantId).getSession({ sessionId })).rejects.toMatchObject({
        reason: ErrorReason.NOT_FOUND,
      }),
    { timeout: 30_000, interval: 500 },
  );
  const { rows } = await postgres.query(
    'select from account_auth.audit where action = $1 and entity_id = $2',
    ['log_out_account', accountId],
  );
  expect(rows).toHaveLength(1);
}, 120_000);
