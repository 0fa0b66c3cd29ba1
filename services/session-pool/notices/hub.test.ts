import { Client } from 'pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createTestPool, type TestPool } from '../../../tests/support/pool.ts';
import { openNoticeHub } from './hub.ts';
import { NOTICE_CHANNEL, readNotices, sendNotices } from './notice.ts';

let pool: TestPool;
beforeAll(async () => {
  pool = await createTestPool();
});
afterAll(() => pool.close());

test('what somebody else says on the channel is passed over', async () => {
  const onGranted = vi.fn<() => void>();
  const { url, database, replicaId, log } = pool;
  const hub = openNoticeHub({ url, database, replicaId, log, onGranted });
  await vi.waitFor(() => expect(onGranted).toHaveBeenCalledOnce());
  const stranger = new Client({ connectionString: url });
  await stranger.connect();
  for (const payload of ['not json', '{"kind":1}', 'null', '[null]', '[{"kind":"of_a_later_version"}]', ''])
    await stranger.query('select pg_notify($1, $2)', [NOTICE_CHANNEL, payload]);
  await stranger.end();
  await database.kysely
    .transaction()
    .execute((trx) => sendNotices(trx, [{ kind: 'granted', replica: replicaId }]));
  await vi.waitFor(() => expect(onGranted).toHaveBeenCalledTimes(2));
  await hub.close();
});

test('of a payload the notices that are known are taken', () => {
  const known = { kind: 'granted', replica: 'r' };
  expect(readNotices(JSON.stringify([known, { kind: 'of_a_later_version' }, null]))).toEqual([known]);
});
