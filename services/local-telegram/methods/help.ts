import { method, type Caller, type Method } from './method.ts';

const MINUTE_S = 60;

export const helpMethods: readonly Method[] = [
  method('help.getConfig', { isOpen: true }, (_: object, caller) => config(caller)),
  method('help.getNearestDc', { isOpen: true }, (_: object, { connection }) => ({
    _: 'nearestDc',
    country: 'XX',
    this_dc: connection.dataCenter,
    nearest_dc: connection.dataCenter,
  })),
  method('help.getAppConfig', { isOpen: true }, () => ({
    _: 'help.appConfig',
    hash: 1,
    config: { _: 'jsonObject', value: [] },
  })),
  method<{ lang_code: string }>('langpack.getLangPack', { isOpen: true }, ({ lang_code }) => ({
    _: 'langPackDifference',
    lang_code,
    from_version: 0,
    version: 1,
    strings: [],
  })),
  method('langpack.getLanguages', { isOpen: true }, () => []),
];

function config({ telegram, connection }: Caller): object {
  const date = Math.floor(connection.clientNow() / 1_000);
  return {
    _: 'config',
    date,
    expires: date + 60 * MINUTE_S,
    test_mode: false,
    this_dc: connection.dataCenter,
    dc_options: telegram.dataCenters.map(({ id, host, port }) => ({
      _: 'dcOption',
      ipv6: host.includes(':'),
      static: true,
      id,
      ip_address: host,
      port,
    })),
    dc_txt_domain_name: 'localhost',
    chat_size_max: 200,
    megagroup_size_max: 200_000,
    forwarded_count_max: 100,
    online_update_period_ms: 210_000,
    offline_blur_timeout_ms: 5_000,
    offline_idle_timeout_ms: 30_000,
    online_cloud_timeout_ms: 300_000,
    notify_cloud_delay_ms: 30_000,
    notify_default_delay_ms: 1_500,
    push_chat_period_ms: 60_000,
    push_chat_limit: 2,
    edit_time_limit: 172_800,
    revoke_time_limit: 2_147_483_647,
    revoke_pm_time_limit: 2_147_483_647,
    rating_e_decay: 2_419_200,
    stickers_recent_limit: 200,
    channels_read_media_period: 604_800,
    call_receive_timeout_ms: 20_000,
    call_ring_timeout_ms: 90_000,
    call_connect_timeout_ms: 30_000,
    call_packet_timeout_ms: 10_000,
    me_url_prefix: 'https://t.me/',
    caption_length_max: 1_024,
    message_length_max: 4_096,
    webfile_dc_id: connection.dataCenter,
  };
}
