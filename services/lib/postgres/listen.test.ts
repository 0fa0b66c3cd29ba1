import { Client } from 'pg';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../tests/support/postgres.ts';
import { listen, type Listener } from './listen.ts';

const log = pino({ level: 'silent' });
let at: TestDatabase;
let client: Client;
let listener: Listener;
let heard: string[];
let gaps: number;

beforeEach(async () => {
  at = await createTestDatabase();
  client = new Client({ connectionString: at.url });
  await client.connect();
  heard = [];
  gaps = 0;
  listener = listen({
    url: at.url,
    channels: ['outbox', 'Strange "name"'],
    onNotification: (channel, payload) => heard.push(`${channel}: ${payload}`),
    onGap: () => (gaps += 1),
    log,
  });
  await vi.waitUntil(() => gaps === 1, { timeout: 10_000 });
});

afterEach(async () => {
  await listener.close();
  await client.end();
  await at.drop();
});

const notify = (channel: string, payload: string) =>
  client.query('select pg_notify($1, $2)', [channel, payload]);
const listeners = async () => {
  const { rows } = await client.query(
    `select pid from pg_stat_activity where application_name = 'telegate listener' and datname = current_database()`,
  );
  return rows.map(({ pid }) => pid as number);
};

test('hears its channels, and no others', async () => {
  await notify('elsewhere', 'no');
  await notify('outbox', 'one');
  await notify('Strange "name"', 'two');
  await expect.poll(() => heard).toEqual(['outbox: one', 'Strange "name": two']);
});

test('connects again when its connection is lost, and says that there was a gap', async () => {
  for (let round = 2; round < 5; round += 1) {
    const [pid] = await listeners();
    await client.query('select pg_terminate_backend($1)', [pid]);
    await expect.poll(() => gaps).toBe(round);
  }
  await notify('outbox', 'after');
  await expect.poll(() => heard).toEqual(['outbox: after']);
});

test('closing leaves no connection, also while it connects', async () => {
  await listener.close();
  await expect.poll(listeners).toEqual([]);
  const away = new URL(at.url);
  away.port = '1';
  const other = listen({ url: away.href, channels: [], onNotification: () => {}, onGap: () => {}, log });
  await other.close();
});
