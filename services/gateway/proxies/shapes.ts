import { durationMs } from '@bufbuild/protobuf/wkt';
import { ProxyState, type Proxy } from '#gen/telegate/proxy_registry/v1/proxy_pb.ts';
import { nullable, object, text, time, wholeNumber } from '../docs/schema.ts';
import { isoTime } from '../profiles/shapes.ts';

const STATES: Readonly<Record<ProxyState, string>> = {
  [ProxyState.UNSPECIFIED]: 'unchecked',
  [ProxyState.UNCHECKED]: 'unchecked',
  [ProxyState.UP]: 'up',
  [ProxyState.SLOW]: 'slow',
  [ProxyState.DOWN]: 'down',
};

/** Without its password, which the mesh gives to nobody. */
export function proxyJson(proxy: Proxy) {
  const { latency, checkTime } = proxy;
  return {
    id: proxy.proxyId,
    type: 'socks5',
    host: proxy.host,
    port: proxy.port,
    username: proxy.username || null,
    country: proxy.country || null,
    state: STATES[proxy.state] ?? 'unchecked',
    state_reason: proxy.stateReason || null,
    latency_ms: latency ? Math.round(durationMs(latency)) : null,
    assigned_count: proxy.assignedCount,
    checked_at: checkTime ? isoTime(checkTime) : null,
    created_at: isoTime(proxy.createTime!),
  };
}

export const proxySchema = object({
  id: text('A UUID.'),
  type: { const: 'socks5' },
  host: text('Name or address.', 'proxy.example.org'),
  port: wholeNumber('TCP port.', 1_080),
  username: nullable('string', 'null: no authentication.', 'user'),
  country: nullable('string', 'Where it comes out, ISO 3166-1.', 'DE'),
  state: { type: 'string', enum: ['unchecked', 'up', 'slow', 'down'], example: 'up' },
  state_reason: nullable('string', 'Why it is down.'),
  latency_ms: nullable('integer', 'To a data centre of Telegram.', 80),
  assigned_count: wholeNumber('How many accounts use it.', 3),
  checked_at: nullable('string', 'When it was last looked at.'),
  created_at: time('When it was added.'),
});
