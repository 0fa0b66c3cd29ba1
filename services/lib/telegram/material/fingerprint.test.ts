import { expect, test } from 'vitest';
import { authKeyId, fingerprint } from './fingerprint.ts';

/** 256 bytes 0, 1, 2 … 255, whose digests any other program gives too: sha256sum, sha1sum. */
const patternKey = Uint8Array.from({ length: 256 }, (_, index) => index);

test('the fingerprint is the SHA-256 of the key', () => {
  expect(fingerprint(patternKey).toString('hex')).toBe(
    '40aff2e9d2d8922e47afd4648e6967497158785fbd1da870e7110266bf944880',
  );
});

test("Telegram's id of the key is the end of its SHA-1, read little-endian", () => {
  expect(authKeyId(patternKey).toString(16).padStart(16, '0')).toBe('c8df57a46e58d132');
});
