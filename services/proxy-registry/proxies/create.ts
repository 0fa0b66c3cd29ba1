import { randomUUIDv7 } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import {
  CreateProxyResponseSchema,
  type CreateProxyResponse,
} from '#gen/telegate/proxy_registry/v1/proxy_registry_service_pb.ts';
import { AlreadyExists, InvalidFields } from '#lib/rpc/errors.ts';
import type { ReplayKey } from '#lib/requests/replay.ts';
import { appendAudit } from '../audit.ts';
import type { Registry } from '../registry.ts';
import { once } from '../repeats.ts';
import { proxyLabel, proxyMessage } from './model.ts';
import { storePasswords } from './passwords.ts';
import { pin } from './pin.ts';
import type { GoodHost, ProxyWish } from './requests.ts';
import { checkProxyLimit, insertProxies, readProxy } from './store.ts';

/** Adds a proxy, or gives the answer that the same request got before. */
export async function createProxy(
  registry: Registry,
  { tenantId, subject, replay }: { tenantId: string; subject: string; replay?: ReplayKey },
  wish: ProxyWish,
): Promise<CreateProxyResponse> {
  const { masterKeys, settings } = registry;
  const pinnedAddress = await pinned(registry, wish.host);
  const answer = await once(registry, tenantId, CreateProxyResponseSchema, replay, async (trx) => {
    const proxyId = randomUUIDv7();
    const { host, password, ...rest } = wish;
    const proxy = { ...rest, proxyId, host: host.host, pinnedAddress };
    const added = await insertProxies(trx, tenantId, [proxy]);
    if (added.length === 0) throw new AlreadyExists('proxy', proxyLabel(proxy));
    await checkProxyLimit(trx, tenantId, settings.proxyLimit);
    await storePasswords(trx, masterKeys, [{ proxy_id: proxyId, tenant_id: tenantId, password }]);
    await appendAudit(trx, [
      { tenantId, subject, action: 'create_proxy', proxyId, detail: { proxy: proxyLabel(proxy) } },
    ]);
    return create(CreateProxyResponseSchema, {
      proxy: proxyMessage(await readProxy(trx, tenantId, proxyId)),
    });
  });
  registry.wakeSweep();
  return answer;
}

/** The address that a proxy's host is dialled at. */
export async function pinned(registry: Registry, host: GoodHost): Promise<string> {
  const outcome = await pin(registry, host);
  if ('fault' in outcome) throw new InvalidFields([{ field: 'proxy.host', description: outcome.fault }]);
  return outcome.address;
}
