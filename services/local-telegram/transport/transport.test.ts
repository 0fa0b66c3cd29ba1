import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { abridged } from './abridged.ts';
import { FramingError, type Framing } from './framing.ts';
import { full } from './full.ts';
import { intermediate, paddedIntermediate } from './intermediate.ts';
import { TransportStream } from './transport.ts';

/** An encrypted message: a key, a message key, and whole blocks. */
const packet = fc
  .tuple(fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }), fc.integer({ min: 1, max: 80 }))
  .map(([key, blocks]) => {
    const bytes = randomBytes(24 + 16 * blocks);
    bytes.writeBigInt64LE(key, 0);
    return bytes;
  });

/** Cuts bytes at arbitrary places, as TCP does. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [...new Set(places.map((place) => place % (bytes.length + 1)))].toSorted((a, b) => a - b);
  return [0, ...at].map((from, index) => bytes.subarray(from, at[index] ?? bytes.length));
}

const tags: [string, () => Framing, Buffer][] = [
  ['abridged', () => abridged, Buffer.of(0xef)],
  ['intermediate', () => intermediate, Buffer.alloc(4, 0xee)],
  ['padded intermediate', () => paddedIntermediate(randomBytes), Buffer.alloc(4, 0xdd)],
  ['full', () => full(), Buffer.alloc(0)],
];

describe.each(tags)('%s', (_, framingOf, tag) => {
  test('packets come out as they went in, however the bytes are cut, both ways', () => {
    fc.assert(
      fc.property(
        fc.array(packet, { minLength: 1, maxLength: 5 }),
        fc.array(fc.nat(), { maxLength: 12 }),
        (packets, places) => {
          const client = framingOf();
          const stream = new TransportStream(randomBytes);
          const bytes = Buffer.concat([tag, ...packets.map((one) => client.frame(one))]);
          expect(cut(bytes, places).flatMap((chunk) => stream.receive(Buffer.from(chunk)))).toEqual(packets);
          const back = framingOf();
          let answers = Buffer.concat(packets.map((one) => stream.send(one)));
          for (const one of packets) {
            const read = back.read(answers)!;
            expect(read.packet).toEqual(one);
            answers = answers.subarray(read.taken);
          }
          expect(answers).toHaveLength(0);
        },
      ),
      { numRuns: 60 },
    );
  });
});

test('the obfuscated transport hides every framing but the full one', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...tags.slice(0, 3)),
      fc.array(packet, { minLength: 1, maxLength: 4 }),
      fc.array(fc.nat(), { maxLength: 12 }),
      ([, framingOf, tag], packets, places) => {
        const init = randomBytes(64);
        init[0] = 0x11;
        init.writeUInt32LE(0x12345678, 4);
        const backwards = Buffer.from(init.subarray(8, 56).toReversed());
        const outgoing = createCipheriv('aes-256-ctr', init.subarray(8, 40), init.subarray(40, 56));
        const incoming = createDecipheriv(
          'aes-256-ctr',
          backwards.subarray(0, 32),
          backwards.subarray(32, 48),
        );
        Buffer.alloc(4, tag[0]).copy(init, 56);
        const hidden = outgoing.update(init);
        const client = framingOf();
        const bytes = Buffer.concat([
          init.subarray(0, 56),
          hidden.subarray(56),
          ...packets.map((one) => outgoing.update(client.frame(one))),
        ]);
        const stream = new TransportStream(randomBytes);
        expect(cut(bytes, places).flatMap((chunk) => stream.receive(Buffer.from(chunk)))).toEqual(packets);
        expect(stream.obfuscated).toBe(true);
        const answer = incoming.update(stream.send(packets[0]!));
        expect(framingOf().read(answer)!.packet).toEqual(packets[0]);
      },
    ),
    { numRuns: 60 },
  );
});

test('arbitrary bytes are refused or waited for, never more', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 10 }), (chunks) => {
      const stream = new TransportStream(randomBytes);
      let thrown: unknown;
      try {
        for (const chunk of chunks) stream.receive(Buffer.from(chunk));
      } catch (error) {
        thrown = error;
      }
      expect(thrown === undefined || thrown instanceof FramingError).toBe(true);
    }),
    { numRuns: 300 },
  );
});

test('the full transport refuses a wrong number and a wrong CRC', () => {
  const body = randomBytes(40);
  const client = full();
  client.frame(body);
  const second = client.frame(body);
  expect(() => full().read(second)).toThrow(FramingError);
  const broken = full().frame(body);
  broken[12]! ^= 1;
  expect(() => full().read(broken)).toThrow(FramingError);
});
