import { expect, test } from 'vitest';
import { keyReader } from './relay.ts';

function packet(key: string, bytes: number): Buffer {
  const body = Buffer.concat([Buffer.from(key, 'hex'), Buffer.alloc(bytes, 0xab)]);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(body.length);
  return Buffer.concat([length, body]);
}

const tag = Buffer.alloc(4, 0xee);
const KEYS = ['aa00000000000001', '0000000000000000', 'aa00000000000001', 'bb00000000000002'];

test.each([1, 3, 7, 64, 4_096])('reads the key of each packet from pieces of %i bytes', (size) => {
  const seen: string[] = [];
  const read = keyReader((key) => seen.push(key));
  const bytes = Buffer.concat([tag, ...KEYS.map((key, index) => packet(key, 16 + index * 100))]);
  for (let from = 0; from < bytes.length; from += size) read(bytes.subarray(from, from + size));
  expect(seen).toEqual(['aa00000000000001', 'aa00000000000001', 'bb00000000000002']);
});
