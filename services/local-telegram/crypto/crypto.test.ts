import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { igeOfLibrary } from '../../../tests/support/gramjs.ts';
import { power, PRIME } from './dh.ts';
import { fromBigInt, toBigInt } from './hash.ts';
import { igeDecrypt, igeEncrypt } from './ige.ts';
import { HEADER, packMessage, unpackMessage } from './message.ts';
import { makeChallenge, makeVerifier, provesPassword } from './srp.ts';

const blocks = fc.integer({ min: 1, max: 40 }).map((count) => randomBytes(16 * count));

test('what IGE encrypts, it decrypts, and another implementation too', () => {
  fc.assert(
    fc.property(blocks, (plain) => {
      const [key, iv] = [randomBytes(32), randomBytes(32)];
      const encrypted = igeEncrypt(plain, key, iv);
      expect(igeDecrypt(encrypted, key, iv)).toEqual(plain);
      expect(encrypted).toEqual(igeOfLibrary(key, iv).encryptIge(plain));
    }),
    { numRuns: 100 },
  );
});

test('a message comes out as it went in; one changed bit anywhere, or the other side, is refused', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 300 }),
      fc.constantFrom('client' as const, 'server' as const),
      fc.nat(),
      (words, from, bit) => {
        const auth = { key: randomBytes(256), id: randomBytes(8) };
        const plain = randomBytes(HEADER + 4 * words);
        plain.writeUInt32LE(4 * words, 28);
        const packet = packMessage(plain, auth, from, randomBytes);
        expect(unpackMessage(packet, auth.key, from)).toEqual(plain);
        expect(unpackMessage(packet, auth.key, from === 'client' ? 'server' : 'client')).toBeUndefined();
        const changed = Buffer.from(packet);
        changed[8 + ((bit >> 3) % (packet.length - 8))]! ^= 1 << (bit & 7);
        expect(unpackMessage(changed, auth.key, from)).toBeUndefined();
      },
    ),
    { numRuns: 150 },
  );
});

test('numbers keep their value and length as bytes', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 256n - 1n }), (value) => {
      const bytes = fromBigInt(value, 32);
      expect(bytes).toHaveLength(32);
      expect(toBigInt(bytes)).toBe(value);
    }),
  );
});

test('a proof for another password, and a number of the client that is too small, are refused', async () => {
  const verifier = await makeVerifier('right', randomBytes(16), randomBytes(16));
  const challenge = makeChallenge(verifier, randomBytes);
  expect(challenge.publicNumber).toHaveLength(256);
  expect(provesPassword(verifier, challenge, { A: Buffer.of(1), M1: randomBytes(32) })).toBe(false);
  expect(provesPassword(verifier, challenge, { A: PRIME, M1: randomBytes(32) })).toBe(false);
  const honest = fromBigInt(power(3n, toBigInt(randomBytes(256))), 256);
  expect(provesPassword(verifier, challenge, { A: honest, M1: randomBytes(32) })).toBe(false);
});
