import { status } from '@grpc/grpc-js';
import { expect, test, vi } from 'vitest';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { OTHER_TENANT, TENANT, testAuthenticator, user } from '../../../tests/support/echo/echo-service.ts';
import { closing, collect, connectTo, refusal, startServer } from '../../../tests/support/echo/harness.ts';
import { InvalidFields, NotFound, QuotaExceeded, type DomainError } from './errors.ts';
import type { CallContext } from './implement.ts';

test('a unary call comes back with its answer', async () => {
  const client = connectTo(await startServer());
  const answer = await client.echo({ text: 'hello', payload: new Uint8Array([1, 2]) });
  expect(answer).toMatchObject({ text: 'hello', payload: new Uint8Array([1, 2]) });
});

test('credentials that take time to check delay the call and lose nothing of it', async () => {
  const client = connectTo(await startServer(), { apiKey: 'slow' });
  await expect(client.echo({ text: 'late' })).resolves.toMatchObject({ text: 'late' });
  expect(await collect(client.repeat({ text: 'x', count: 3 }))).toHaveLength(3);
});

test('a server stream delivers all of its answers in order', async () => {
  const client = connectTo(await startServer());
  const answers = await collect(client.repeat({ text: 'x', count: 1_000 }));
  expect(answers.map(({ index }) => index)).toEqual(Array.from({ length: 1_000 }, (_, index) => index));
});

test('a bidirectional stream answers each message and ends when its caller does', async () => {
  const client = connectTo(await startServer());
  const chat = client.chat();
  const answers = collect(chat.responses);
  for (let turn = 0; turn < 200; turn++) await chat.send({ text: String(turn) });
  chat.end();
  expect((await answers).map(({ text }) => text)).toEqual(
    Array.from({ length: 200 }, (_, turn) => String(turn)),
  );
});

test('the handler is told who calls, how long it has, and where from', async () => {
  const contexts: CallContext[] = [];
  const server = await startServer({
    handlers: {
      async echo(_request, ctx) {
        contexts.push(ctx);
        return {};
      },
    },
  });
  await connectTo(server).echo({}, { deadlineMs: 5_000, metadata: { 'x-note': 'n' } });
  const [ctx] = contexts;
  expect(ctx!.principal).toEqual(user);
  expect(ctx!.remainingMs()).toBeGreaterThan(3_000);
  expect(ctx!.remainingMs()).toBeLessThanOrEqual(5_001);
  expect(ctx!.metadata.get('x-note')).toBe('n');
  expect(ctx!.metadata.has('x-other')).toBe(false);
  expect(ctx!.peer).toMatch(/^127\.0\.0\.1:\d+$/);
  expect(ctx!.traceId).toMatch(/^[0-9a-f]{32}$/);
  expect(ctx!.signal.aborted).toBe(false);
});

test('an error of the domain reaches the client whole', async () => {
  const failures: DomainError[] = [
    new NotFound('session', 'alpha'),
    new InvalidFields([
      { field: 'ttl', description: 'must be at least 5s' },
      { field: 'holder', description: 'must not be empty' },
    ]),
    new QuotaExceeded('actions_per_day', 'The account did its 20 actions of today.', 1_500),
  ];
  const server = await startServer({
    handlers: {
      async echo({ text }) {
        throw failures[Number(text)]!;
      },
    },
  });
  const client = connectTo(server);
  expect(await refusal(client.echo({ text: '0' }))).toMatchObject({
    code: status.NOT_FOUND,
    reason: ErrorReason.NOT_FOUND,
    message: 'There is no session alpha.',
    metadata: { resource: 'session', name: 'alpha' },
  });
  const invalid = await refusal(client.echo({ text: '1' }));
  expect(invalid.reason).toBe(ErrorReason.INVALID_FIELD);
  expect(invalid.fieldViolations).toMatchObject([
    { field: 'ttl', description: 'must be at least 5s' },
    { field: 'holder', description: 'must not be empty' },
  ]);
  const quota = await refusal(client.echo({ text: '2' }));
  expect(quota).toMatchObject({ code: status.RESOURCE_EXHAUSTED, retryAfterMs: 1_500 });
  expect(quota.quotas).toMatchObject([{ subject: 'actions_per_day' }]);
});

test('a fault is logged with its trace and leaves nothing of itself in the answer', async () => {
  const server = await startServer({
    handlers: {
      async echo() {
        throw new TypeError('relation "secret_table" does not exist');
      },
    },
  });
  const error = await refusal(connectTo(server).echo({}));
  expect(error).toMatchObject({ code: status.INTERNAL, reason: ErrorReason.INTERNAL });
  expect(error.message).not.toContain('secret_table');
  expect(server.logLines).toEqual([
    expect.objectContaining({
      event: 'rpc_fault',
      method: 'telegate.test.echo.v1.EchoService/Echo',
      trace_id: expect.stringMatching(/^[0-9a-f]{32}$/),
      err: expect.objectContaining({ message: 'relation "secret_table" does not exist' }),
    }),
  ]);
});

test('an answer that can not be encoded is a fault, and the next call is served', async () => {
  let calls = 0;
  const server = await startServer({
    handlers: {
      echo: async () => (calls++ === 0 ? { payload: 'text' as unknown as Uint8Array } : { text: 'fine' }),
    },
  });
  const client = connectTo(server);
  expect((await refusal(client.echo({}))).code).toBe(status.INTERNAL);
  await expect(client.echo({})).resolves.toMatchObject({ text: 'fine' });
});

test.each([
  ['no', undefined, ErrorReason.CREDENTIALS_MISSING],
  ['unknown', 'forged', ErrorReason.CREDENTIALS_INVALID],
])('%s credentials are refused before the handler runs', async (_name, apiKey, reason) => {
  const echo = vi.fn<() => Promise<object>>(async () => ({}));
  const server = await startServer({ handlers: { echo } });
  const client = connectTo(server, { apiKey });
  expect(await refusal(client.echo({}))).toMatchObject({ code: status.UNAUTHENTICATED, reason });
  expect(await refusal(collect(client.repeat({ count: 1 })))).toMatchObject({ code: status.UNAUTHENTICATED });
  expect(await refusal(collect(client.chat().responses))).toMatchObject({ code: status.UNAUTHENTICATED });
  expect(echo).not.toHaveBeenCalled();
});

test('a caller without the scope is refused, and told which it lacks', async () => {
  const client = connectTo(await startServer(), { apiKey: 'nobody' });
  expect(await refusal(client.echo({}))).toMatchObject({
    code: status.PERMISSION_DENIED,
    reason: ErrorReason.SCOPE_MISSING,
    metadata: { scope: 'pool:read' },
  });
});

test('a public method asks for nothing, an operator method for the role, an authenticated one for any caller', async () => {
  const server = await startServer({ access: { echo: 'public', repeat: 'operator', chat: 'authenticated' } });
  await expect(connectTo(server, { apiKey: undefined }).echo({ text: 'a' })).resolves.toMatchObject({
    text: 'a',
  });
  expect(await refusal(collect(connectTo(server).repeat({ count: 1 })))).toMatchObject({
    metadata: { role: 'operator' },
  });
  expect(await collect(connectTo(server, { apiKey: 'operator' }).repeat({ count: 1 }))).toHaveLength(1);
  const chat = connectTo(server, { apiKey: 'nobody' }).chat();
  chat.end();
  expect(await collect(chat.responses)).toEqual([]);
});

test('an operator may cross into another tenant, which is audited; nobody else may', async () => {
  const seen: CallContext['principal'][] = [];
  const server = await startServer({
    handlers: {
      async echo(_request, ctx) {
        seen.push(ctx.principal);
        return {};
      },
    },
  });
  const crossing = { metadata: { 'x-tenant-id': OTHER_TENANT } };
  await connectTo(server, { apiKey: 'operator' }).echo({}, crossing);
  expect(seen).toMatchObject([{ tenantId: OTHER_TENANT, homeTenantId: TENANT, role: 'operator' }]);
  expect(server.logLines).toEqual([
    expect.objectContaining({
      kind: 'audit',
      action: 'tenant_crossed',
      subject: 'key:op',
      tenant_id: OTHER_TENANT,
      method: 'telegate.test.echo.v1.EchoService/Echo',
    }),
  ]);

  expect(await refusal(connectTo(server).echo({}, crossing))).toMatchObject({
    code: status.PERMISSION_DENIED,
    metadata: { role: 'operator' },
  });
  await connectTo(server).echo({}, { metadata: { 'x-tenant-id': TENANT } });
  const malformed = connectTo(server, { apiKey: 'operator' }).echo(
    {},
    { metadata: { 'x-tenant-id': 'all' } },
  );
  expect(await refusal(malformed)).toMatchObject({ code: status.INVALID_ARGUMENT });
});

test('an open stream ends when the right to it is revoked', async () => {
  const { authenticate, revoke } = testAuthenticator();
  const reasons: unknown[] = [];
  const server = await startServer({
    authenticate,
    handlers: {
      async chat(incoming, out, ctx) {
        ctx.signal.addEventListener('abort', () => reasons.push(ctx.signal.reason));
        for await (const { text } of incoming) await out.send({ text });
      },
    },
  });
  const chat = connectTo(server, { apiKey: 'revocable' }).chat();
  const untouched = connectTo(server).chat();
  await Promise.all([chat.opened, untouched.opened]);
  const ended = refusal(collect(chat.responses));
  revoke();
  expect(await ended).toMatchObject({
    code: status.UNAUTHENTICATED,
    reason: ErrorReason.CREDENTIALS_INVALID,
  });
  expect(reasons).toMatchObject([{ code: status.UNAUTHENTICATED }]);
  const answers = collect(untouched.responses);
  await untouched.send({ text: 'still here' });
  untouched.end();
  expect(await answers).toMatchObject([{ text: 'still here' }]);
  expect(
    await refusal(collect(connectTo(server, { apiKey: 'revocable' }).repeat({ count: 1 }))),
  ).toMatchObject({
    code: status.UNAUTHENTICATED,
  });
});

test('a call that its caller cancels aborts the signal and frees its place', async () => {
  const signals: AbortSignal[] = [];
  const server = await startServer({
    handlers: {
      echo: (_request, { signal }) => {
        signals.push(signal);
        return new Promise((_resolve, reject) =>
          signal.addEventListener('abort', () => reject(signal.reason)),
        );
      },
      async chat(_incoming, _out, { signal }) {
        signals.push(signal);
        await new Promise((_resolve, reject) =>
          signal.addEventListener('abort', () => reject(signal.reason)),
        );
      },
    },
  });
  const giveUp = new AbortController();
  const client = connectTo(server);
  const call = refusal(client.echo({}, { signal: giveUp.signal }));
  const chat = client.chat({ signal: giveUp.signal });
  const ended = refusal(collect(chat.responses));
  await chat.send({ text: 'never read' });
  await vi.waitFor(() => expect(signals).toHaveLength(2));
  expect(server.open).toMatchObject({ unary: 1, streams: 1 });
  giveUp.abort();
  expect((await call).code).toBe(status.CANCELLED);
  expect((await ended).code).toBe(status.CANCELLED);
  await vi.waitFor(() => expect(server.open).toMatchObject({ unary: 0, streams: 0 }));
  expect(signals.map(({ reason }) => (reason as DomainError).code)).toEqual([
    status.CANCELLED,
    status.CANCELLED,
  ]);
});

test('a handler that leaves a failed send unawaited does not take the process down', async () => {
  const unhandled = vi.fn<(reason: unknown) => void>();
  process.on('unhandledRejection', unhandled);
  closing.push(() => void process.off('unhandledRejection', unhandled));
  const finished = Promise.withResolvers<void>();
  const server = await startServer({
    handlers: {
      async chat(incoming, out, ctx) {
        await new Promise((resolve) => ctx.signal.addEventListener('abort', resolve));
        void out.send({ text: 'too late' });
        void incoming[Symbol.asyncIterator]().next();
        setImmediate(finished.resolve);
      },
    },
  });
  const chat = connectTo(server).chat();
  await chat.opened;
  chat.cancel();
  await finished.promise;
  expect(unhandled).not.toHaveBeenCalled();
});
