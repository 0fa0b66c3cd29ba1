import { afterEach, expect, test } from 'vitest';
import { createFakeClock } from '../lifecycle/clock-fake.ts';
import { startAdminServer, type AdminServer, type Readiness } from './admin.ts';
import { createLogger } from './log.ts';
import { startTelemetry } from './sdk.ts';

const log = createLogger({ service: 'sample', level: 'silent' });
let server: AdminServer | undefined;

afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function start(
  ready: () => Promise<Readiness> | Readiness,
  clock = createFakeClock(),
): Promise<string> {
  server = await startAdminServer({ host: '127.0.0.1', port: 0, ready, log, clock });
  return `http://127.0.0.1:${server.port}`;
}

test('readiness follows the check, with what is missing', async () => {
  let readiness: Readiness = { ok: false, waitingFor: ['database'] };
  const url = await start(() => readiness);
  const waiting = await fetch(`${url}/readyz`);
  expect(waiting.status).toBe(503);
  expect(await waiting.json()).toEqual({ ok: false, waitingFor: ['database'] });
  readiness = { ok: true };
  expect((await fetch(`${url}/readyz`)).status).toBe(200);
  expect((await fetch(`${url}/livez`)).status).toBe(200);
});

test('a check that throws or hangs is not ready', async () => {
  const throwing = await start(() => {
    throw new Error('broken');
  });
  expect((await fetch(`${throwing}/readyz`)).status).toBe(503);
  await server?.close();

  const clock = createFakeClock();
  const asked = Promise.withResolvers<void>();
  const hanging = await start(() => {
    asked.resolve();
    return new Promise(() => undefined);
  }, clock);
  const answer = fetch(`${hanging}/readyz`);
  await asked.promise;
  await clock.advance(2_000);
  expect((await answer).status).toBe(503);
});

test('metrics are served as text once telemetry has started', async () => {
  const url = await start(() => ({ ok: true }));
  expect((await fetch(`${url}/metrics`)).status).toBe(503);
  const telemetry = startTelemetry({ service: 'sample', version: '1', env: {} });
  const answer = await fetch(`${url}/metrics`);
  expect(answer.status).toBe(200);
  expect(answer.headers.get('content-type')).toContain('text/plain');
  expect(await answer.text()).toContain('process_memory_usage');
  await telemetry.shutdown();
});

test('anything else is refused', async () => {
  const url = await start(() => ({ ok: true }));
  expect((await fetch(`${url}/other`)).status).toBe(404);
  expect((await fetch(`${url}/livez`, { method: 'POST', body: 'x' })).status).toBe(405);
});

test('a port that is taken is named', async () => {
  await start(() => ({ ok: true }));
  const port = server?.port ?? 0;
  const second = startAdminServer({ host: '127.0.0.1', port, ready: () => ({ ok: true }), log });
  await expect(second).rejects.toThrow(
    `127.0.0.1:${port} is taken by another program; stop it or set ADMIN_PORT`,
  );
});
