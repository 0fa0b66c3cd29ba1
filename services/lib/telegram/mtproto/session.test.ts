import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { createFakeClock } from '#lib/lifecycle/clock-fake.ts';
import { packMessage, unpackMessage } from '../../../local-telegram/crypto/message.ts';
import { authKeyOf, HEADER } from './message-cipher.ts';
import { SeenIds } from './message-ids.ts';
import { MtprotoSession } from './session.ts';
import * as service from './service-messages.ts';
import { int64, tlBytes, uint32 } from './tl-bytes.ts';

/* The session against a server that is played byte by byte: what no well-behaved one would ever send. */

interface Sent {
  readonly id: bigint;
  readonly seqno: number;
  readonly salt: bigint;
  readonly body: Buffer;
}

const limits = { deadlineMs: 60_000 };
const asText = { isFirst: false, read: (answer: Buffer) => answer.toString('hex') };

function played() {
  const clock = createFakeClock({ now: Date.UTC(2026, 0, 1) });
  const key = authKeyOf(randomBytes(256));
  const sent: Sent[] = [];
  const objects: Buffer[] = [];
  const said = { forgotten: 0, faults: 0 };
  let sessionId = 0n;
  const session = new MtprotoSession(
    {
      clock,
      write(packet) {
        const plain = unpackMessage(packet, key.bytes, 'client')!;
        sessionId = plain.readBigInt64LE(8);
        const [id, seqno, salt] = [plain.readBigInt64LE(16), plain.readInt32LE(24), plain.readBigInt64LE(0)];
        const body = plain.subarray(HEADER);
        const inner =
          body.readUInt32LE() === service.CONTAINER ? service.readContainer(body) : [{ id, seqno, body }];
        sent.push(...inner.map((message) => ({ ...message, salt })));
      },
      onObject: (body) => void objects.push(Buffer.from(body)),
      onForgotten: () => (said.forgotten += 1),
      onProtocolFault() {
        said.faults += 1;
        session.end({ reason: 'protocol' });
      },
    },
    { key, salt: 7n, offsetMs: 0 },
  );
  onTestFinished(() => session.end({ reason: 'closed' }));
  let nextId = (BigInt(Date.UTC(2026, 0, 1) / 1_000) << 32n) | 1n;
  const serverId = (): bigint => (nextId += 4n);
  const receive = (body: Buffer, options: { id?: bigint; session?: bigint; seqno?: number } = {}): bigint => {
    const id = options.id ?? serverId();
    const plain = Buffer.alloc(HEADER + body.length);
    plain.writeBigInt64LE(options.session ?? sessionId, 8);
    plain.writeBigInt64LE(id, 16);
    plain.writeUInt32LE(options.seqno ?? 1, 24);
    plain.writeUInt32LE(body.length, 28);
    body.copy(plain, HEADER);
    session.receive(packMessage(plain, { key: key.bytes, id: key.id }, 'server', randomBytes));
    return id;
  };
  /** A call, once it has left. */
  const call = async (body = Buffer.from('aabbccdd', 'hex')) => {
    const answer = session.call(body, asText, limits).catch((error: unknown) => error);
    await clock.advance(0);
    return { answer, id: sent.findLast(({ seqno }) => seqno % 2 === 1)!.id };
  };
  return { clock, session, sent, objects, said, receive, call, serverId };
}

const result = (id: bigint, body: Buffer) => Buffer.concat([uint32(service.RPC_RESULT), int64(id), body]);
const badSalt = (id: bigint, salt: bigint) =>
  Buffer.concat([uint32(service.BAD_SERVER_SALT), int64(id), uint32(0), uint32(48), int64(salt)]);
const badMessage = (id: bigint, code: number) =>
  Buffer.concat([uint32(service.BAD_MSG_NOTIFICATION), int64(id), uint32(0), uint32(code)]);

test('an answer, plain and packed; one for a call that nobody made is dropped', async () => {
  const { call, receive, session } = played();
  const one = await call();
  receive(result(one.id, Buffer.from('01020304', 'hex')));
  expect(await one.answer).toBe('01020304');
  const other = await call();
  receive(result(99n, Buffer.alloc(4)));
  const packed = Buffer.concat([uint32(service.GZIP_PACKED), tlBytes(gzipSync(Buffer.alloc(8, 5)))]);
  receive(result(other.id, packed));
  expect(await other.answer).toBe('0505050505050505');
  expect(session.pending).toBe(0);
});

test('another salt: sent again with it, under a new id and number', async () => {
  const { call, receive, sent, clock } = played();
  const { answer, id } = await call();
  receive(badSalt(id, 1_234n));
  await clock.advance(0);
  const again = sent.find((message) => message.salt === 1_234n && message.body.length === 4)!;
  expect(again.id).toBeGreaterThan(id);
  expect(again.seqno).toBe(3);
  receive(result(again.id, Buffer.from('01020304', 'hex')));
  expect(await answer).toBe('01020304');
});

test('salts without end: given up, typed', async () => {
  const { call, receive, sent, clock, said } = played();
  const { answer } = await call();
  for (let i = 0; i < 20 && said.faults === 0; i += 1) {
    receive(badSalt(sent.findLast(({ body }) => body.length === 4)!.id, BigInt(i)));
    await clock.advance(0);
  }
  expect(await answer).toMatchObject({ name: 'LinkClosed', end: { reason: 'protocol' }, sent: true });
});

test("another clock: the ids follow the server's", async () => {
  const { call, receive, sent, clock } = played();
  const { id } = await call();
  const theirs = ((BigInt(Date.UTC(2026, 0, 1) / 1_000) + 3_600n) << 32n) | 1n;
  receive(badMessage(id, 16), { id: theirs });
  await clock.advance(0);
  expect(sent.at(-2)!.id >> 32n).toBe(theirs >> 32n);
});

test.each([32, 33, 64])('a refusal that can not be mended (%i) ends the connection', async (code) => {
  const { call, receive, said } = played();
  const { answer, id } = await call();
  receive(badMessage(id, code));
  expect(await answer).toMatchObject({ name: 'LinkClosed' });
  expect(said.faults).toBe(1);
});

test('an answer that was held back is asked for; one that nobody waits for is acknowledged', async () => {
  const { call, receive, sent, clock } = played();
  const { id } = await call();
  const told = (message: bigint, answer: bigint) =>
    Buffer.concat([uint32(service.MSG_DETAILED_INFO), int64(message), int64(answer), uint32(9), uint32(0)]);
  receive(told(id, 555n), { seqno: 0 });
  await clock.advance(0);
  expect(sent.at(-1)!.body).toEqual(service.askAgain(555n));
  receive(told(1n, 556n), { seqno: 0 });
  await clock.advance(10_000);
  expect(sent.at(-1)!.body).toEqual(service.acknowledge([556n]));
});

test('what comes is acknowledged in ten seconds, or with what is sent before that', async () => {
  const { call, receive, sent, clock } = played();
  await call();
  const first = receive(Buffer.from('12345678', 'hex'));
  const second = receive(Buffer.from('12345678', 'hex'));
  expect(sent).toHaveLength(1);
  await clock.advance(10_000);
  expect(sent.at(-1)!.body).toEqual(service.acknowledge([first, second]));
  const third = receive(Buffer.from('12345678', 'hex'));
  await call();
  expect(sent.at(-1)!.body).toEqual(service.acknowledge([third]));
  await clock.advance(60_000);
  expect(sent).toHaveLength(4);
});

test('a session that the server forgot is told of; the first greeting is not that', async () => {
  const { call, receive, said } = played();
  await call();
  const greeting = Buffer.concat([uint32(service.NEW_SESSION_CREATED), int64(1n), int64(2n), int64(3n)]);
  receive(greeting);
  expect(said.forgotten).toBe(0);
  receive(greeting);
  expect(said.forgotten).toBe(1);
});

test('a message of another session, or cut off, or packed beyond measure, ends the connection', async () => {
  const other = played();
  await other.call();
  other.receive(Buffer.alloc(4), { session: 1n });
  expect(other.said.faults).toBe(1);

  const cut = played();
  await cut.call();
  cut.receive(Buffer.concat([uint32(service.CONTAINER), uint32(3), int64(1n)]));
  expect(cut.said.faults).toBe(1);

  const bomb = played();
  await bomb.call();
  const zeros = gzipSync(Buffer.alloc(40 * 1024 * 1024));
  bomb.receive(Buffer.concat([uint32(service.GZIP_PACKED), tlBytes(zeros)]));
  expect(bomb.said.faults).toBe(1);
});

test('no bytes under the right key throw', async () => {
  const constructors = fc.constantFrom(
    service.RPC_RESULT,
    service.CONTAINER,
    service.GZIP_PACKED,
    service.PONG,
    service.BAD_SERVER_SALT,
    service.BAD_MSG_NOTIFICATION,
    service.NEW_SESSION_CREATED,
    service.MSG_DETAILED_INFO,
    service.MSG_NEW_DETAILED_INFO,
    service.MSGS_STATE_REQ,
    service.MSG_RESEND_REQ,
    0x12345678,
  );
  const words = fc.array(fc.integer({ min: -5, max: 50 }), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(constructors, words, async (constructor, rest) => {
      const { call, receive, session } = played();
      const { answer, id } = await call();
      receive(Buffer.concat([uint32(constructor), ...rest.map(uint32)]));
      receive(result(id, Buffer.concat(rest.map(uint32))));
      session.end({ reason: 'closed' });
      await answer;
      expect(session.pending).toBe(0);
    }),
    { numRuns: 300 },
  );
});

test('ids that came are known again, old ones are taken for such', () => {
  const seen = new SeenIds();
  for (let id = 1n; id <= 200n; id += 1n) expect(seen.add(id)).toBe(true);
  expect(seen.add(200n)).toBe(false);
  expect(seen.add(150n)).toBe(false);
  expect(seen.add(1n)).toBe(false);
  expect(seen.add(201n)).toBe(true);
});
