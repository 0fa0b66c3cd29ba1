import { ROOT_CONTEXT, trace, context } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { afterEach, expect, test } from 'vitest';
import { createLogger, type LogLevel } from './log.ts';
import { isSecretName } from './redaction.ts';

const CANARY = 'canary-5f3a';

function capture(level: LogLevel = 'trace') {
  const lines: string[] = [];
  const log = createLogger({
    service: 'sample',
    version: '1.2.3',
    level,
    destination: { write: (line) => void lines.push(line) },
  });
  return { log, lines, last: () => JSON.parse(lines.at(-1) ?? '{}') as Record<string, unknown> };
}

afterEach(() => context.disable());

test('a line is JSON with level by name, time, service, kind, event and message', () => {
  const { log, last } = capture();
  log.info({ event: 'relay_started', schema: 'pool' }, 'the relay has started');
  expect(last()).toMatchObject({
    level: 'info',
    service: 'sample',
    version: '1.2.3',
    kind: 'process',
    event: 'relay_started',
    schema: 'pool',
    message: 'the relay has started',
  });
  expect(Date.parse(String(last()['time']))).not.toBeNaN();
});

test('the list of kinds is closed: an error is of its kind, and a kind that is none is the event', () => {
  const { log, last } = capture();
  log.error({ event: 'x_failed' }, 'failed');
  expect(last()).toMatchObject({ kind: 'error', event: 'x_failed' });
  log.error({ kind: 'auth', event: 'login_failed' }, 'failed');
  expect(last()).toMatchObject({ kind: 'auth', event: 'login_failed' });
  log.info({ kind: 'made_up' }, 'something');
  expect(last()).toMatchObject({ kind: 'process', event: 'made_up' });
});

test.each([
  'authorization',
  'x-api-key',
  'apiKey',
  'api_key',
  'password',
  'newPassword',
  'key',
  'authKey',
  'auth_key',
  'session',
  'code',
  'token',
  'secret',
  'clientSecret',
  'phone',
  'phone_number',
  'refreshToken',
  'masterKey',
  'databaseUrl',
])('the field %s is redacted at any depth, in bindings and in lists too', (name) => {
  const { log, lines } = capture();
  log.info({ event: 'x', [name]: CANARY }, 'flat');
  log.info({ request: { metadata: [{ [name]: CANARY }] } }, 'deep');
  log.info({ metadata: new Map([[name, CANARY]]) }, 'map');
  log.child({ [name]: CANARY, nested: { [name]: CANARY } }).info('child');
  expect(lines).toHaveLength(4);
  expect(lines.join('')).not.toContain(CANARY);
});

test.each(['session_id', 'sessionId', 'fencingToken', 'page_token', 'kind', 'reason', 'keyCount'])(
  'the field %s is kept',
  (name) => expect(isSecretName(name)).toBe(false),
);

test('an error keeps its type, code, constraint and frames, and none of the values it was about', () => {
  const { log, lines, last } = capture();
  const error = Object.assign(new Error(`invalid input syntax for type uuid: "${CANARY}"`), {
    code: '22P02',
    severity: 'ERROR',
    detail: `Key (phone)=(${CANARY}) already exists.`,
    where: `unnamed portal parameter $1 = '${CANARY}'`,
    parameters: [CANARY],
    query: { text: 'select $1', values: [CANARY] },
    constraint: 'account_phone_key',
  });
  log.error({ err: error }, 'failed');
  log.error({ err: new Error('outer', { cause: error }) }, 'failed');
  log.error({ outcome: { problem: error } }, 'failed');
  log.error({ err: error });
  log.error(error, 'failed');
  log.error(error);
  expect(lines.join('')).not.toContain(CANARY);
  expect(last()['err']).toMatchObject({ type: 'Error', code: '22P02', constraint: 'account_phone_key' });
  expect((last()['err'] as { stack: string }).stack).toContain('log.test.ts');
});

test('a password in a URL is hidden wherever it stands', () => {
  const { log, lines } = capture();
  log.info({ url: `postgres://user:${CANARY}@host/db` }, `connecting to nats://user:${CANARY}@host`);
  log.error({ err: new Error(`cannot reach postgres://user:${CANARY}@host/db`) }, 'failed');
  expect(lines.join('')).not.toContain(CANARY);
  expect(lines.join('')).toContain('postgres://user:***@host/db');
});

test('bytes are counted, not printed; bigints and cycles do not break a line', () => {
  const { log, last } = capture();
  const cycle: Record<string, unknown> = {};
  cycle['self'] = cycle;
  log.info({ payload: new Uint8Array(3), position: 2n ** 60n, cycle }, 'odd values');
  expect(last()).toMatchObject({ payload: '[3 bytes]', position: '1152921504606846976' });
});

test('a line inside a span carries its ids', () => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  const { log, last } = capture();
  const spanContext = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 1 };
  context.with(trace.setSpanContext(ROOT_CONTEXT, spanContext), () => log.info('inside'));
  expect(last()).toMatchObject({ trace_id: 'a'.repeat(32), span_id: 'b'.repeat(16) });
  log.info('outside');
  expect(last()).not.toHaveProperty('trace_id');
});

test('below its level nothing is written', () => {
  const { log, lines } = capture('warn');
  log.info('quiet');
  expect(lines).toEqual([]);
});
