import { ProxyState, type Proxy } from '#gen/telegate/proxy_registry/v1/proxy_pb.ts';
import type { CallOptions } from '#lib/rpc/client-state.ts';
import type { DescribedRoutes } from '../docs/openapi.ts';
import { answer, idempotencyKey, listOfRef, ref } from '../docs/schema.ts';
import { detail, json } from '../http/answer.ts';
import { route } from '../http/described.ts';
import type { Exchange } from '../http/exchange.ts';
import { flag, optional, text, whole, withDefault } from '../http/fields.ts';
import { counted, pageInput } from '../http/pages.ts';
import { pathId } from '../http/path-id.ts';
import { requestIdOf } from '../http/request-id.ts';
import type { MeshClients } from '../mesh.ts';
import { proxyJson, proxySchema } from './shapes.ts';

const TAG = 'proxies';

/** One of those that work is drawn first, then of those that nobody has looked at yet; never one that is down. */
const DRAWN_FROM = [ProxyState.UP, ProxyState.SLOW, ProxyState.UNCHECKED];
const MOST_DRAWN_FROM = 1_000;

const notFound = answer('There is none.', ref('Error'));

const proxyId = (exchange: Exchange): string => pathId(exchange, 'proxy_id', 'Proxy not found');

/** SOCKS5 proxies. Which account uses which, the mesh decides. */
export function proxyRoutes(
  { proxyRegistry }: Pick<MeshClients, 'proxyRegistry'>,
  random: () => number,
): DescribedRoutes {
  return {
    tags: [{ name: TAG, description: 'SOCKS5 proxies. An account that has one keeps it.' }],
    schemas: { Proxy: proxySchema },
    routes: [
      route({
        method: 'POST',
        path: '/proxies/',
        tag: TAG,
        id: 'createProxy',
        summary: 'Add a proxy',
        headers: [idempotencyKey],
        input: {
          host: text({ max: 253, description: 'Name or address.', example: 'proxy.example.org' }),
          port: whole({ min: 1, max: 65_535, description: 'TCP port.', example: 1_080 }),
          username: optional(
            text({ min: 0, max: 255, description: 'None: no authentication.', example: 'user' }),
          ),
          password: optional(text({ min: 0, max: 255, description: 'Never given back.' }, 'secret')),
          country: optional(text({ min: 2, max: 2, description: 'ISO 3166-1.', example: 'DE' })),
        },
        answers: {
          201: answer('The proxy. It is looked at in the background.', ref('Proxy')),
          409: answer('Host, port and user name are there already.', ref('Error')),
        },
        async handle({ input, exchange, options }) {
          const { username = '', password = '', country = '', ...where } = input;
          const { proxy } = await proxyRegistry.createProxy(
            { proxy: { ...where, username, password, country }, requestId: requestIdOf(exchange) },
            options,
          );
          return { status: 201, body: proxyJson(proxy!) };
        },
      }),
      route({
        method: 'GET',
        path: '/proxies/',
        tag: TAG,
        id: 'listProxies',
        summary: 'Proxies, the oldest first',
        input: pageInput,
        answers: { 200: answer('The proxies.', listOfRef('Proxy')) },
        async handle({ input, options }) {
          const proxies = await counted(async (pageSize, pageToken) => {
            const page = await proxyRegistry.listProxies({ pageSize, pageToken }, options);
            return { items: page.proxies, next: page.nextPageToken };
          }, input);
          return json(proxies.map((proxy) => proxyJson(proxy)));
        },
      }),
      route({
        method: 'GET',
        path: '/proxies/random',
        tag: TAG,
        id: 'drawProxy',
        summary: 'One of those that work',
        details: 'Of those that nobody has looked at yet when none is known to work.',
        input: {},
        answers: {
          200: answer('A proxy.', ref('Proxy')),
          404: answer('There is none to draw.', ref('Error')),
        },
        async handle({ options }) {
          const drawn = await draw(proxyRegistry, random, options);
          return drawn
            ? json(proxyJson(drawn))
            : detail(404, 'No proxy that works: add one by POST /proxies/');
        },
      }),
      route({
        method: 'GET',
        path: '/proxies/{proxy_id}',
        tag: TAG,
        id: 'getProxy',
        summary: 'A proxy',
        input: {},
        answers: { 200: answer('The proxy.', ref('Proxy')), 404: notFound },
        async handle({ exchange, options }) {
          const { proxy } = await proxyRegistry.getProxy({ proxyId: proxyId(exchange) }, options);
          return json(proxyJson(proxy!));
        },
      }),
      route({
        method: 'DELETE',
        path: '/proxies/{proxy_id}',
        tag: TAG,
        id: 'deleteProxy',
        summary: 'Delete a proxy',
        details: 'Its accounts get another one, or wait when there is no room.',
        input: {
          force: withDefault(
            flag({ description: 'Though sockets use it: they are closed.', example: false }),
            false,
          ),
        },
        answers: {
          200: answer('It is gone.', ref('Deleted')),
          404: notFound,
          409: answer('A live socket uses it.', ref('Error')),
        },
        async handle({ input: { force }, exchange, options }) {
          const id = proxyId(exchange);
          await proxyRegistry.deleteProxy({ proxyId: id, force }, options);
          return json({ status: 'deleted', id });
        },
      }),
    ],
  };
}

async function draw(
  proxyRegistry: MeshClients['proxyRegistry'],
  random: () => number,
  options: CallOptions,
): Promise<Proxy | undefined> {
  for (const state of DRAWN_FROM) {
    const { proxies } = await proxyRegistry.listProxies({ state, pageSize: MOST_DRAWN_FROM }, options);
    if (proxies.length > 0) return proxies[Math.floor(random() * proxies.length)];
  }
  return undefined;
}
