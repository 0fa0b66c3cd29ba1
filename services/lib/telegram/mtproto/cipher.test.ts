import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { packMessage, unpackMessage } from '../../../local-telegram/crypto/message.ts';
import { igeOfLibrary } from '../../../../tests/support/gramjs.ts';
import { decryptIge, encryptIge } from './cipher.ts';
import { agree, fromBigInt, isGoodGroup, isSafeNumber, toBigInt } from './diffie-hellman.ts';
import { factorise } from './factorise.ts';
import { authKeyOf, HEADER, makePlain, openMessage, sealMessage } from './message-cipher.ts';
import { PRIME, power } from '../../../local-telegram/crypto/dh.ts';

const blocks = fc.integer({ min: 1, max: 40 }).map((count) => randomBytes(16 * count));

test('IGE is what the library makes of it, and comes back', () => {
  fc.assert(
    fc.property(blocks, (plain) => {
      const [key, iv] = [randomBytes(32), randomBytes(32)];
      const encrypted = encryptIge(plain, key, iv);
      expect(encrypted).toEqual(igeOfLibrary(key, iv).encryptIge(plain));
      expect(decryptIge(encrypted, key, iv)).toEqual(plain);
    }),
    { numRuns: 100 },
  );
});

test('a message is read by the other side as it was written; one changed bit anywhere is refused', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 300 }), fc.nat(), (words, bit) => {
      const key = authKeyOf(randomBytes(256));
      const other = { key: key.bytes, id: key.id };
      const plain = makePlain(HEADER + 4 * words);
      plain.writeUInt32LE(4 * words, HEADER - 4);
      const told = plain.subarray(0, HEADER + 4 * words);
      expect(unpackMessage(sealMessage(plain, key), key.bytes, 'client')).toEqual(told);
      const packet = packMessage(Buffer.from(told), other, 'server', randomBytes);
      expect(openMessage(packet, key)).toEqual(told);
      packet[(bit >> 3) % packet.length]! ^= 1 << (bit & 7);
      expect(openMessage(packet, key)).toBeUndefined();
    }),
    { numRuns: 150 },
  );
});

test('both sides agree on a number of 256 bytes, also where it begins with a zero', async () => {
  const secret = toBigInt(randomBytes(256));
  const theirs = fromBigInt(power(3n, secret), 256);
  // The library drops such a zero, so that one exchange in 256 fails in its hands. Either number may have it.
  const zeros = new Set<'ours' | 'shared'>();
  for (let i = 0; zeros.size < 2; i += 1) {
    expect(i).toBeLessThan(6_000);
    const { ours, shared } = await agree(PRIME, 3, theirs);
    if (ours[0] === 0) zeros.add('ours');
    if (shared[0] === 0) zeros.add('shared');
    expect([ours.length, shared.length]).toEqual([256, 256]);
    if (i > 0 && ours[0] !== 0 && shared[0] !== 0) continue;
    expect(toBigInt(shared)).toBe(power(toBigInt(ours), secret));
    expect(isSafeNumber(ours, PRIME)).toBe(true);
  }
});

test('groups and numbers that are not safe are refused', async () => {
  expect(await isGoodGroup(PRIME, 3)).toBe(true);
  // 2 generates a larger group than is asked for; the last is no prime.
  expect(await isGoodGroup(PRIME, 2)).toBe(false);
  expect(await isGoodGroup(PRIME, 8)).toBe(false);
  const composite = fromBigInt(toBigInt(PRIME) + 6n, 256);
  expect(await isGoodGroup(composite, 4)).toBe(false);
  expect(isSafeNumber(Buffer.of(1), PRIME)).toBe(false);
  expect(isSafeNumber(fromBigInt(toBigInt(PRIME) - 1n, 256), PRIME)).toBe(false);
});

test('the puzzle of a server is solved, and one that has no answer is given up', () => {
  expect(factorise(0x17ed48941a08f981n)).toEqual([0x494c553bn, 0x53911073n]);
  expect(factorise(65_537n * 65_537n)).toEqual([65_537n, 65_537n]);
  expect(factorise(3n * 5n)).toEqual([3n, 5n]);
  expect(factorise((1n << 61n) - 1n)).toBeUndefined();
});
