import { randomUUIDv7 } from 'node:crypto';
import { transaction } from '#lib/postgres/transaction.ts';
import { NotFound } from '#lib/rpc/errors.ts';
import { appendAudit } from './audit.ts';
import { readLine, type ListedProxy } from './proxies/import-list.ts';
import { proxyLabel } from './proxies/model.ts';
import { storePasswords } from './proxies/passwords.ts';
import { pin } from './proxies/pin.ts';
import { CAPACITY_MAX } from './proxies/requests.ts';
import { findByPlace, insertProxies, readProxy } from './proxies/store.ts';
import type { Registry } from './registry.ts';
import { takeTurns } from './turns.ts';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Why the process can not start: with these words, and never with the value, which holds a password. */
export class DefaultProxyUnusable extends Error {
  override readonly name = 'DefaultProxyUnusable';

  constructor(why: string) {
    super(`DEFAULT_PROXY ${why}.`);
  }
}

/** The id of the proxy that DEFAULT_PROXY means; one that it describes and that is not there is added. */
export async function openDefaultProxy(registry: Registry, tenantId: string, raw: string): Promise<string> {
  if (UUID.test(raw)) {
    try {
      return (await readProxy(registry.database.kysely, tenantId, raw.toLowerCase())).proxy_id;
    } catch (error) {
      if (error instanceof NotFound)
        throw new DefaultProxyUnusable("names a proxy that the operator's tenant does not have");
      throw error;
    }
  }
  const listed = readLine(raw.trim());
  if (typeof listed === 'string') throw new DefaultProxyUnusable(listed);
  const pinned = await pin(registry, listed.host);
  if ('fault' in pinned) throw new DefaultProxyUnusable(`has a host that ${pinned.fault}`);
  return add(registry, tenantId, listed, pinned.address);
}

/** Several replicas that start at once agree on one. A password that changed is taken over. */
async function add(
  registry: Registry,
  tenantId: string,
  { host: { host }, port, username, password }: Omit<ListedProxy, 'line'>,
  pinnedAddress: string,
): Promise<string> {
  return transaction(registry.database, async (trx) => {
    await takeTurns(trx, [tenantId]);
    const place = { host, port, username };
    const [added] = await insertProxies(trx, tenantId, [
      {
        ...place,
        proxyId: randomUUIDv7(),
        name: 'default',
        labels: {},
        country: '',
        // It is for all sessions that come.
        capacity: CAPACITY_MAX,
        pinnedAddress,
      },
    ]);
    const proxyId = added ?? (await findByPlace(trx, tenantId, place)).proxy_id;
    await storePasswords(trx, registry.masterKeys, [{ proxy_id: proxyId, tenant_id: tenantId, password }]);
    if (added !== undefined)
      await appendAudit(trx, [
        {
          tenantId,
          subject: 'service:proxy-registry',
          action: 'create_proxy',
          proxyId,
          detail: { proxy: proxyLabel(place), from: 'DEFAULT_PROXY' },
        },
      ]);
    return proxyId;
  });
}
