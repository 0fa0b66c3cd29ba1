import {
  createPrivateKey,
  createSecretKey,
  generateKeyPairSync,
  randomBytes,
  type KeyObject,
} from 'node:crypto';
import type { JWK } from 'jose';
import { sql, type Selectable } from 'kysely';
import { ACCESS_TTL_MS } from '#lib/auth/access-token.ts';
import { transaction } from '#lib/postgres/transaction.ts';
import { open, seal, type SecretContext } from '#lib/secrets/envelope.ts';
import type { SealedTable } from '#lib/secrets/rotation.ts';
import { pause } from '#lib/lifecycle/clock.ts';
import type { AccountAuth } from '../account-auth.ts';
import type { AccountAuthTables, AccountAuthTransaction } from '../tables.ts';

export interface TokenKeySettings {
  /** How long a key signs before the next one does. */
  readonly keyLifeMs: number;
  /** How long before that the next one is among the public keys. */
  readonly publishAheadMs: number;
}

export interface PublicKey {
  readonly kid: string;
  readonly jwk: JWK;
}

export interface TokenKeys {
  /** What access tokens are signed with now. */
  signing(): { kid: string; privateKey: KeyObject };
  /** What the access tokens that may be about are verified with, the one that signs first. */
  publicKeys(): PublicKey[];
  /** What refresh tokens are made with, the newest first. */
  refreshKeys(): KeyObject[];
  /** Makes what is due, on one replica, and reads what there is. */
  reload(): Promise<void>;
  stop(): Promise<void>;
}

const RELOAD_MS = 30_000;
/** For the clocks of replicas that are not set alike. */
const SKEW_MS = 5 * 60_000;
/** Keys belong to the deployment, not to a tenant. */
const CONTEXT_TENANT = 'deployment';

type KeyRow = Selectable<AccountAuthTables['token_keys']>;

interface LoadedKey {
  readonly kid: string;
  readonly purpose: 'access' | 'refresh';
  readonly key: KeyObject;
  readonly jwk: JWK | null;
  readonly activeAt: number;
}

/** The keys of the deployment, the same on all replicas; each looks for new ones twice a minute. */
export async function openTokenKeys(base: AccountAuth, settings: TokenKeySettings): Promise<TokenKeys> {
  const { database, clock, log } = base;
  let loaded: LoadedKey[] = [];

  async function reload(): Promise<void> {
    const rows = await transaction(database, async (trx) => {
      await sql`select pg_advisory_xact_lock(hashtextextended('telegate token keys', 0))`.execute(trx);
      await makeWhatIsDue(trx, base, settings);
      return readKeys(trx);
    });
    const known = new Map(loaded.map((key) => [key.kid, key]));
    loaded = rows.map((row) => known.get(row.key_id) ?? load(base, row));
  }

  await reload();
  const stopping = new AbortController();
  async function run(): Promise<void> {
    for (;;) {
      await pause(clock, RELOAD_MS, stopping.signal);
      if (stopping.signal.aborted) return;
      await reload().catch((error: unknown) =>
        log.warn({ event: 'token_keys', err: error }, 'the token keys could not be read; it is tried again'),
      );
    }
  }
  const running = run();

  /** Newest first; the one that is to come is never the first while there is another. */
  function ofPurpose(purpose: LoadedKey['purpose']): LoadedKey[] {
    const now = clock.now();
    const newestFirst = loaded
      .filter((key) => key.purpose === purpose)
      .toSorted((a, b) => b.activeAt - a.activeAt);
    const active = newestFirst.filter(({ activeAt }) => activeAt <= now);
    return [...active, ...newestFirst.filter(({ activeAt }) => activeAt > now)];
  }

  return {
    signing() {
      const { kid, key } = ofPurpose('access')[0]!;
      return { kid, privateKey: key };
    },
    publicKeys: () => ofPurpose('access').map(({ kid, jwk }) => ({ kid, jwk: jwk! })),
    refreshKeys: () => ofPurpose('refresh').map(({ key }) => key),
    reload,
    stop() {
      stopping.abort();
      return running;
    },
  };
}

/** Under the lock: a successor for the newest key when its time comes; a first key where there is none. */
async function makeWhatIsDue(
  trx: AccountAuthTransaction,
  base: AccountAuth,
  { keyLifeMs, publishAheadMs }: TokenKeySettings,
): Promise<void> {
  const { rows } = await sql<{
    purpose: 'access' | 'refresh';
    key_id: string;
    due: boolean;
    next_time: Date;
  }>`
    select distinct on (purpose) purpose, key_id,
      active_time + ${keyLifeMs - publishAheadMs} * interval '1 millisecond' <= clock_timestamp() as due,
      greatest(
        active_time + ${keyLifeMs} * interval '1 millisecond',
        clock_timestamp() + ${publishAheadMs} * interval '1 millisecond'
      ) as next_time
    from token_keys order by purpose, active_time desc`.execute(trx);
  const newest = new Map(rows.map((row) => [row.purpose, row]));
  if (!newest.has('refresh')) await insertKey(trx, base, 'refresh', randomBytes(32), null, null);
  const access = newest.get('access');
  if (!access) await insertAccessKey(trx, base, null);
  else if (access.due) {
    await insertAccessKey(trx, base, access.next_time);
    await sql`
      update token_keys set expire_time =
        ${access.next_time}::timestamptz + ${ACCESS_TTL_MS + SKEW_MS} * interval '1 millisecond'
      where purpose = 'access' and expire_time is null and active_time < ${access.next_time}`.execute(trx);
  }
  await sql`delete from token_keys where expire_time < clock_timestamp()`.execute(trx);
}

function insertAccessKey(
  trx: AccountAuthTransaction,
  base: AccountAuth,
  activeTime: Date | null,
): Promise<void> {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const secret = privateKey.export({ format: 'der', type: 'pkcs8' });
  return insertKey(trx, base, 'access', secret, publicKey.export({ format: 'jwk' }), activeTime);
}

async function insertKey(
  trx: AccountAuthTransaction,
  base: AccountAuth,
  purpose: KeyRow['purpose'],
  secret: Buffer,
  publicKey: JWK | null,
  activeTime: Date | null,
): Promise<void> {
  const keyId = randomBytes(12).toString('base64url');
  const sealed = seal(base.masterKeys, contextOf(keyId, purpose), secret);
  await sql`
    insert into token_keys (key_id, purpose, public_key, master_key_version, wrapped_key, ciphertext, active_time)
    values (${keyId}, ${purpose}, ${publicKey && JSON.stringify(publicKey)}::jsonb, ${sealed.masterKeyVersion},
      ${sealed.wrappedKey}, ${sealed.ciphertext}, coalesce(${activeTime}::timestamptz, clock_timestamp()))`.execute(
    trx,
  );
  base.log.info({ event: 'token_key_made', purpose, key_id: keyId }, 'a new key for tokens was made');
}

async function readKeys(trx: AccountAuthTransaction): Promise<KeyRow[]> {
  const { rows } = await sql<KeyRow>`select * from token_keys order by active_time desc`.execute(trx);
  return rows;
}

function load({ masterKeys }: AccountAuth, row: KeyRow): LoadedKey {
  const secret = open(masterKeys, contextOf(row.key_id, row.purpose), {
    masterKeyVersion: row.master_key_version,
    wrappedKey: Buffer.from(row.wrapped_key),
    ciphertext: Buffer.from(row.ciphertext),
  });
  const key =
    row.purpose === 'access'
      ? createPrivateKey({ key: secret, format: 'der', type: 'pkcs8' })
      : createSecretKey(secret);
  secret.fill(0);
  return {
    kid: row.key_id,
    purpose: row.purpose,
    key,
    jwk: row.public_key as JWK | null,
    activeAt: row.active_time.getTime(),
  };
}

/** For `npm run keys:rotate`. */
export const sealedTokenKeys: SealedTable<Pick<KeyRow, 'key_id' | 'purpose'>> = {
  schema: 'account_auth',
  table: 'token_keys',
  id: 'key_id',
  context: (row) => contextOf(row.key_id, row.purpose),
};

function contextOf(keyId: string, purpose: KeyRow['purpose']): SecretContext {
  return { tenantId: CONTEXT_TENANT, entityId: keyId, purpose: `${purpose} token key` };
}
