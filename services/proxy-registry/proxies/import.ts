import { randomUUIDv7 } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import {
  ImportProxiesResponseSchema,
  type ImportProxiesResponse,
} from '#gen/telegate/proxy_registry/v1/proxy_registry_service_pb.ts';
import type { ReplayKey } from '#lib/requests/replay.ts';
import { appendAudit } from '../audit.ts';
import type { Registry } from '../registry.ts';
import { once } from '../repeats.ts';
import { readList, type LineFault, type ListedProxy } from './import-list.ts';
import { storePasswords } from './passwords.ts';
import { pinAll } from './pin.ts';
import { checkProxyLimit, insertProxies, type NewProxy } from './store.ts';

/** For all names of a list together; lines whose name had no turn are faults, to be sent again. */
const LOOK_UP_MS = 15_000;

/** Adds what a list names, all in one statement; lines at fault harm no other. */
export async function importProxies(
  registry: Registry,
  { tenantId, subject, replay }: { tenantId: string; subject: string; replay?: ReplayKey },
  list: { text: string; labels: Record<string, string>; country: string },
): Promise<ImportProxiesResponse> {
  const { proxies: listed, faults: unread } = readList(list.text);
  const { proxies, faults } = await pinListed(registry, listed);
  const wanted = proxies.map(({ host, port, username, password, pinnedAddress }) => ({
    password,
    proxy: {
      port,
      username,
      proxyId: randomUUIDv7(),
      host: host.host,
      name: '',
      labels: list.labels,
      country: list.country,
      capacity: 0,
      pinnedAddress,
    } satisfies NewProxy,
  }));
  const answer = await once(registry, tenantId, ImportProxiesResponseSchema, replay, async (trx) => {
    const proxyIds = await insertProxies(
      trx,
      tenantId,
      wanted.map(({ proxy }) => proxy),
    );
    await checkProxyLimit(trx, tenantId, registry.settings.proxyLimit);
    const added = new Set(proxyIds);
    await storePasswords(
      trx,
      registry.masterKeys,
      wanted.flatMap(({ proxy: { proxyId }, password }) =>
        added.has(proxyId) && password !== '' ? [{ proxy_id: proxyId, tenant_id: tenantId, password }] : [],
      ),
    );
    await appendAudit(trx, [
      { tenantId, subject, action: 'import_proxies', detail: { added: String(proxyIds.length) } },
    ]);
    return create(ImportProxiesResponseSchema, {
      proxyIds,
      duplicateCount: wanted.length - proxyIds.length,
      faults: [...unread, ...faults].toSorted((a, b) => a.line - b.line),
    });
  });
  registry.wakeSweep();
  return answer;
}

async function pinListed(
  registry: Registry,
  listed: readonly ListedProxy[],
): Promise<{ proxies: (ListedProxy & { pinnedAddress: string })[]; faults: LineFault[] }> {
  const pinned = await pinAll(
    registry,
    listed.map(({ host }) => host),
    LOOK_UP_MS,
  );
  const proxies: (ListedProxy & { pinnedAddress: string })[] = [];
  const faults: LineFault[] = [];
  for (const proxy of listed) {
    const outcome = pinned.get(proxy.host.host) ?? { fault: 'could not be resolved in time; send it again' };
    if ('fault' in outcome) faults.push({ line: proxy.line, reason: `has a host that ${outcome.fault}` });
    else proxies.push({ ...proxy, pinnedAddress: outcome.address });
  }
  return { proxies, faults };
}
