import { expect, test, vi } from 'vitest';
import { everyCall } from '#lib/telemetry/call-share.ts';
import { connectTo, refusal, startServer } from '../../../tests/support/echo/harness.ts';
import { OTHER_TENANT, TENANT } from '../../../tests/support/echo/echo-service.ts';
import { PermissionDenied } from './errors.ts';

const METHOD = 'telegate.test.echo.v1.EchoService/';

test('a call is one line: method, code, duration, whose, and its trace', async () => {
  let traceId = '';
  const server = await startServer({
    handlers: {
      async echo({ text }, ctx) {
        traceId = ctx.traceId;
        return { text };
      },
    },
  });
  await connectTo(server).echo({ text: 'hello' });
  await vi.waitFor(() => expect(server.callLines).toHaveLength(1));
  const [line] = server.callLines;
  expect(line).toMatchObject({
    level: 'info',
    kind: 'request',
    event: 'call',
    method: `${METHOD}Echo`,
    rpc_code: 'OK',
    subject: 'user:ann',
    tenant_id: TENANT,
    duration_ms: expect.any(Number),
    trace_id: traceId,
  });
  expect(JSON.stringify(line)).not.toContain('hello');
});

test('a refusal says why and from where, and one for lack of rights is a line of its own', async () => {
  const server = await startServer({
    handlers: {
      async echo() {
        throw new PermissionDenied({ role: 'operator' }, 'Not for you.');
      },
    },
  });
  await refusal(connectTo(server).echo({ text: 'x' }));
  await refusal(connectTo(server, { apiKey: 'wrong' }).echo({ text: 'x' }));
  await vi.waitFor(() => expect(server.callLines).toHaveLength(2));
  const peer = expect.stringMatching(/^127\.0\.0\.1:\d+$/);
  expect(server.callLines).toMatchObject([
    { rpc_code: 'PERMISSION_DENIED', reason: 'SCOPE_MISSING', subject: 'user:ann', peer },
    { rpc_code: 'UNAUTHENTICATED', reason: 'CREDENTIALS_INVALID', subject: 'anonymous', peer },
  ]);
  expect(server.logLines).toMatchObject([
    { level: 'warn', kind: 'auth', event: 'access_refused', subject: 'user:ann' },
    { level: 'warn', kind: 'auth', event: 'access_refused', subject: 'anonymous' },
  ]);
  expect(JSON.stringify([server.callLines, server.logLines])).not.toContain('"wrong"');
});

test('a fault is a warning, and who acts for another tenant is shown with both', async () => {
  const server = await startServer({
    handlers: {
      async echo() {
        throw new Error('broken');
      },
    },
  });
  await refusal(
    connectTo(server, { apiKey: 'operator' }).echo({}, { metadata: { 'x-tenant-id': OTHER_TENANT } }),
  );
  await vi.waitFor(() => expect(server.callLines).toHaveLength(1));
  expect(server.callLines[0]).toMatchObject({
    level: 'warn',
    rpc_code: 'INTERNAL',
    tenant_id: OTHER_TENANT,
    home_tenant_id: TENANT,
  });
});

test('a stream is a line at its start and one at its end', async () => {
  const server = await startServer();
  const stream = connectTo(server).repeat({ text: 'x', count: 3 });
  for await (const message of stream) expect(message.text).toBe('x');
  await vi.waitFor(() => expect(server.callLines).toHaveLength(2));
  const [opened, ended] = server.callLines;
  expect(opened).toMatchObject({ event: 'stream_opened', method: `${METHOD}Repeat`, subject: 'user:ann' });
  expect(ended).toMatchObject({ event: 'stream_ended', rpc_code: 'OK', trace_id: opened!['trace_id'] });
});

test.for([
  { calls: { succeeded: 0, failed: true }, codes: ['PERMISSION_DENIED'] },
  { calls: { succeeded: 0, failed: false }, codes: [] },
  { calls: everyCall, codes: ['OK', 'PERMISSION_DENIED'] },
])('of $calls, $codes are logged', async ({ calls, codes }) => {
  const server = await startServer({ calls });
  await connectTo(server).echo({ text: 'x' });
  await refusal(connectTo(server, { apiKey: 'nobody' }).echo({ text: 'x' }));
  await vi.waitFor(() => expect(server.open.unary).toBe(0));
  expect(server.callLines.map((line) => line['rpc_code'])).toEqual(codes);
});
