import type { Proxy } from '#gen/telegate/proxy_registry/v1/proxy_pb.ts';
import type { ProxyRegistryService } from '#gen/telegate/proxy_registry/v1/proxy_registry_service_pb.ts';
import { Misuse } from './misuse.ts';
import { isUuid } from './named-account.ts';
import { gather } from './pages.ts';
import { addressOf } from './proxy-text.ts';
import type { Service } from './service.ts';

type Registry = Service<typeof ProxyRegistryService>;

export const PROXY_NAMING = 'PROXY is an id, host:port, or a name that only one proxy has.';

const MOST_LOOKED_THROUGH = 100_000;

export async function findProxyId(registry: Registry, text: string): Promise<string> {
  if (isUuid(text)) return text;
  const named = (await allProxies(registry)).filter(
    (proxy) => proxy.name === text || addressOf(proxy) === text,
  );
  if (named.length === 1) return named[0]!.proxyId;
  throw new Misuse(
    named.length === 0
      ? `No proxy is called ${JSON.stringify(text)}. See: telegate proxies list.`
      : `${named.length} proxies are called ${JSON.stringify(text)}: name one by id, as telegate proxies list shows it.`,
  );
}

export async function allProxies(registry: Registry): Promise<Proxy[]> {
  const { found } = await gather(MOST_LOOKED_THROUGH, async (page) => {
    const answer = await registry.call((client) => client.listProxies(page));
    return { items: answer.proxies, nextPageToken: answer.nextPageToken };
  });
  return found;
}
