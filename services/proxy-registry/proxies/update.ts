import { sql } from 'kysely';
import { ProxyState } from '#gen/telegate/proxy_registry/v1/proxy_pb.ts';
import { transaction } from '#lib/postgres/transaction.ts';
import { AlreadyExists, EtagMismatch, InvalidFields } from '#lib/rpc/errors.ts';
import { canonicalText } from '#lib/requests/canonical.ts';
import { appendAudit } from '../audit.ts';
import type { MasterKeys } from '#lib/config/shared.ts';
import { SecretUndecryptable } from '#lib/secrets/errors.ts';
import type { Registry } from '../registry.ts';
import { takeTurns } from '../turns.ts';
import type { RegistryTransaction } from '../tables.ts';
import { pinned } from './create.ts';
import { etagOf, proxyLabel, type ProxyRow } from './model.ts';
import { readPasswords, storePasswords } from './passwords.ts';
import type { ProxyWish, WishField } from './requests.ts';
import { readProxy } from './store.ts';

export interface ProxyChange {
  tenantId: string;
  subject: string;
  proxyId: string;
  /** Empty: whatever it is now. */
  etag: string;
  fields: ReadonlySet<WishField>;
  wish: ProxyWish;
}

/** Changes what the mask names, all or none; a change to what is there already changes nothing. */
export async function updateProxy(registry: Registry, change: ProxyChange): Promise<ProxyRow> {
  const { database, masterKeys } = registry;
  const { tenantId, subject, proxyId, etag, fields, wish } = change;
  // Asked first whose it is: a stranger must not learn what its host resolves to from here.
  await readProxy(database.kysely, tenantId, proxyId);
  const pinnedAddress = fields.has('host') ? await pinned(registry, wish.host) : undefined;
  const row = await transaction(database, async (trx) => {
    await takeTurns(trx, [tenantId]);
    const before = await readProxy(trx, tenantId, proxyId);
    if (etag !== '' && etag !== etagOf(before)) throw new EtagMismatch('proxy', proxyId);
    const after = changed(before, change, pinnedAddress);
    const oldPassword = await readOldPassword(trx, masterKeys, proxyId);
    const newPassword = fields.has('password') ? wish.password : after.username === '' ? '' : oldPassword;
    if (after.username === '' && newPassword !== '')
      throw new InvalidFields([
        { field: 'proxy.username', description: 'is missing; a password needs a user name' },
      ]);
    const dialsAnew =
      newPassword !== oldPassword ||
      (['host', 'port', 'username', 'pinned_address'] as const).some((name) => before[name] !== after[name]);
    if (!dialsAnew && isSame(before, after)) return before;
    await writeProxy(trx, after, dialsAnew);
    if (newPassword !== undefined && newPassword !== oldPassword)
      await storePasswords(trx, masterKeys, [
        { proxy_id: proxyId, tenant_id: tenantId, password: newPassword },
      ]);
    await appendAudit(trx, [
      { tenantId, subject, action: 'update_proxy', proxyId, detail: { fields: [...fields].join(',') } },
    ]);
    return readProxy(trx, tenantId, proxyId);
  });
  registry.wakeSweep();
  return row;
}

/** What is damaged can be written anew: it is undefined, and equal to nothing. */
async function readOldPassword(
  trx: RegistryTransaction,
  masterKeys: MasterKeys,
  proxyId: string,
): Promise<string | undefined> {
  try {
    return (await readPasswords(trx, masterKeys, [proxyId])).get(proxyId) ?? '';
  } catch (error) {
    if (!(error instanceof SecretUndecryptable)) throw error;
    return undefined;
  }
}

function changed(before: ProxyRow, { fields, wish }: ProxyChange, pinnedAddress?: string): ProxyRow {
  const after = { ...before };
  if (fields.has('host')) after.host = wish.host.host;
  if (pinnedAddress !== undefined) after.pinned_address = pinnedAddress;
  for (const name of ['port', 'username', 'name', 'labels', 'country', 'capacity'] as const)
    if (fields.has(name)) Object.assign(after, { [name]: wish[name] });
  return after;
}

function isSame(a: ProxyRow, b: ProxyRow): boolean {
  return (
    a.name === b.name &&
    a.country === b.country &&
    a.capacity === b.capacity &&
    canonicalText(a.labels) === canonicalText(b.labels)
  );
}

async function writeProxy(trx: RegistryTransaction, row: ProxyRow, dialsAnew: boolean): Promise<void> {
  const { rows } = await sql<{ proxy_id: string }>`
    update proxies set host = ${row.host}, port = ${row.port}, username = ${row.username}, name = ${row.name},
      labels = ${JSON.stringify(row.labels)}::jsonb, country = ${row.country}, capacity = ${row.capacity},
      pinned_address = ${row.pinned_address}, revision = revision + 1,
      dial_revision = dial_revision + ${dialsAnew ? 1 : 0}
    where proxy_id = ${row.proxy_id}::uuid and tenant_id = ${row.tenant_id}::uuid
      and not exists (
        select from proxies as other
        where other.tenant_id = ${row.tenant_id}::uuid and other.host = ${row.host}
          and other.port = ${row.port} and other.username = ${row.username}
          and other.proxy_id <> ${row.proxy_id}::uuid)
    returning proxy_id`.execute(trx);
  if (!rows[0]) throw new AlreadyExists('proxy', proxyLabel(row));
  if (dialsAnew)
    await sql`
      update proxy_status set state = ${ProxyState.UNCHECKED}, state_reason = '', latency_ms = null,
        exit_address = '', check_time = null, failures = 0, next_check_time = clock_timestamp()
      where proxy_id = ${row.proxy_id}::uuid`.execute(trx);
}
