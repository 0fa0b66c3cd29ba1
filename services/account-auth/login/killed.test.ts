import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql, type KyselyPlugin } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseMaterial } from '#lib/telegram/material/detect.ts';
import type { Database } from '#lib/postgres/database.ts';
import type { Account } from '../../local-telegram/world/state.ts';
import { acceptToken } from '../../local-telegram/methods/qr-login.ts';
import {
  limits,
  loginWish,
  newTenant,
  startLoginMesh,
  type LoginMesh,
  type Replica,
} from '../../../tests/support/telegram-logins.ts';
import type { AccountAuthTables } from '../tables.ts';
import { submitCode } from './code.ts';
import type { Logins } from './logins.ts';
import { submitPassword } from './password.ts';
import { showQr } from './qr.ts';
import { startLogin } from './start.ts';
import type { NewLogin } from './store.ts';
import type { LoginRow } from './tables.ts';

let mesh: LoginMesh;
let exportDir: string;
let survivor: Replica;
beforeAll(async () => {
  exportDir = await mkdtemp(join(tmpdir(), 'telegate-exports-'));
  mesh = await startLoginMesh();
  survivor = mesh.replica({ settings: { exportDir } });
}, 60_000);
afterAll(async () => {
  await mesh.stop();
  await rm(exportDir, { recursive: true });
});

class Killed extends Error {}

/**
 * Dies at the nth step to or from the database or the pool, and does nothing more from then on. Every call to
 * Telegram lies between two such steps.
 */
function dyingAt(nth: number) {
  let steps = 0;
  const step = (): void => {
    steps += 1;
    if (steps >= nth) throw new Killed();
  };
  const plugin: KyselyPlugin = {
    transformQuery({ node }) {
      step();
      return node;
    },
    transformResult({ result }) {
      return new Promise((resolve) => {
        step();
        resolve(result);
      });
    },
  };
  return {
    /** Whether it came so far. */
    get isDead() {
      return steps >= nth;
    },
    adjust(logins: Logins): Logins {
      const database: Database<AccountAuthTables> = {
        ...logins.database,
        kysely: logins.database.kysely.withPlugin(plugin),
      };
      const { sessionPool } = logins;
      const importSession: typeof sessionPool.importSession = async (...call) => {
        step();
        const answer = await sessionPool.importSession(...call);
        step();
        return answer;
      };
      return { ...logins, database, sessionPool: { ...sessionPool, importSession } };
    },
  };
}

/** A dead process renews nothing: its claims run out. */
async function timePasses(): Promise<void> {
  await sql`update telegram_logins set worker_end_time = clock_timestamp() where worker_id is not null`.execute(
    mesh.database.kysely,
  );
}

type Script = (logins: Logins, wish: NewLogin, account: Account) => Promise<LoginRow>;

/** What a person does, from the beginning, with the same request. */
const byCode: Script = async (logins, wish, { phone, password }) => {
  const { tenantId } = wish;
  let row = await startLogin(logins, wish, limits());
  const name = { tenantId, loginId: row.login_id };
  const { code } = mesh.telegram.telegram.logins.code(phone)!;
  if (row.state !== 'authorised') row = await submitCode(logins, name, code, limits());
  if (row.state === 'password_needed') row = await submitPassword(logins, name, password!.text, limits());
  return row;
};

const byQr: Script = async (logins, wish, account) => {
  const { telegram } = mesh.telegram;
  let row = await showQr(logins, wish, limits(), async ({ tokenLink }) => {
    acceptToken(telegram, Buffer.from(tokenLink.split('=')[1]!, 'base64url'), account);
  });
  const name = { tenantId: wish.tenantId, loginId: row.login_id };
  if (row.state === 'password_needed')
    row = await submitPassword(logins, name, account.password!.text, limits());
  return row;
};

test.each([
  ['by code and password, at another data centre', byCode, { dataCenter: 4, password: 'secret' }],
  ['by QR code, at another data centre', byQr, { dataCenter: 4 }],
] as const)(
  '%s: killed at every step, another replica goes on to one session',
  { timeout: 300_000 },
  async (_name, script, wanted) => {
    let deaths = 0;
    let unharmed: unknown;
    for (;;) {
      const account = mesh.telegram.account(wanted);
      const tenantId = newTenant();
      const wish = loginWish(tenantId, script === byQr ? '' : account.phone, {
        requestId: 'one',
        bodyHash: Buffer.of(1),
      });
      const death = dyingAt(deaths + 1);
      const mortal = mesh.replica({ settings: { exportDir }, adjust: (logins) => death.adjust(logins) });
      const before = await script(mortal.logins, wish, account).catch((error: unknown) => error);
      await mortal.close();
      if (!death.isDead) {
        unharmed = before;
        break;
      }
      deaths += 1;
      await timePasses();
      const row = await script(survivor.logins, wish, account);
      expect(row, `after death ${deaths}`).toMatchObject({ state: 'authorised', ciphertext: null });
      await expectOneSession(tenantId, account, row);
    }
    expect(unharmed).toMatchObject({ state: 'authorised' });
    expect(deaths).toBeGreaterThan(40);
  },
);

async function expectOneSession(tenantId: string, account: Account, row: LoginRow): Promise<void> {
  const client = mesh.pool.client(tenantId);
  const { sessions } = await client.listSessions({});
  expect(sessions.map(({ sessionId }) => sessionId)).toEqual([row.session_id]);
  const { rows } = await sql<{ account_id: string }>`
    select account_id from accounts where tenant_id = ${tenantId}::uuid`.execute(mesh.database.kysely);
  expect(rows).toEqual([{ account_id: row.account_id }]);
  expect(sessions[0]!.accountId).toBe(row.account_id);
  expect(await mesh.events(tenantId)).toEqual(['accountAuthorised']);
  // At Telegram there is that one authorisation, and it is the pool's.
  const { credentials } = await client.exportSession({ sessionId: row.session_id! });
  const { authKey } = parseMaterial(credentials!.material).material;
  const keys = [...mesh.telegram.telegram.keysOf(account.id)];
  expect(keys.map(({ key }) => key.equals(authKey))).toEqual([true]);
  const file = join(exportDir, `${account.phone.slice(1)}.session`);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  const { rows: audits } = await sql<{ action: string }>`
    select action from audit where tenant_id = ${tenantId}::uuid order by audit_id`.execute(
    mesh.database.kysely,
  );
  expect(audits.map(({ action }) => action)).toEqual(['log_in_account', 'export_session_file']);
  // Nothing half written stays behind.
  expect((await readdir(exportDir)).filter((name) => !/^\d+\.session$/.test(name))).toEqual([]);
}
