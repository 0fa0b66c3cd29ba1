import { createCipheriv } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { MasterKeys } from '#lib/config/shared.ts';
import type { SealedSecret, SecretContext } from './envelope.ts';
import { MAX_SECRET_BYTES, open, rewrap, seal } from './envelope.ts';
import { SecretUndecryptable } from './errors.ts';

const key = (fill: number): Buffer => Buffer.alloc(32, fill);
const masterKeys: MasterKeys = {
  current: 2,
  keys: new Map([
    [2, key(2)],
    [1, key(1)],
  ]),
};
const context: SecretContext = { tenantId: 'tenant', entityId: '42', purpose: 'session-key' };

const part = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 });
const contexts = fc.record({ tenantId: part, entityId: part, purpose: part });
const plaintexts = fc.uint8Array({ maxLength: 600 });

function faultOf(act: () => unknown): SecretUndecryptable['fault'] {
  try {
    act();
  } catch (error) {
    if (error instanceof SecretUndecryptable) return error.fault;
    throw error;
  }
  throw new Error('the secret opened');
}

/** The envelope's layers written down a second time, from its documentation and not from its code. */
function named(...parts: string[]): Buffer {
  return Buffer.concat(parts.flatMap((text) => [Buffer.of(0, 0, 0, text.length), Buffer.from(text)]));
}

function independently(using: Buffer, nonce: Buffer, aad: Buffer, bytes: Buffer): Buffer {
  const cipher = createCipheriv('aes-256-gcm', using, nonce);
  cipher.setAAD(aad);
  const encrypted = Buffer.concat([cipher.update(bytes), cipher.final()]);
  return Buffer.concat([Buffer.of(1), nonce, encrypted, cipher.getAuthTag()]);
}

const allNines = (size: number): Buffer => Buffer.alloc(size, 9);

const attempt = (change: Partial<SecretContext>) => () =>
  seal(masterKeys, { ...context, ...change }, Buffer.of(1));

test('what was sealed opens to the same bytes', () => {
  fc.assert(
    fc.property(contexts, plaintexts, (where, plaintext) => {
      const sealed = seal(masterKeys, where, plaintext);
      expect(sealed.masterKeyVersion).toBe(2);
      expect(open(masterKeys, where, sealed)).toEqual(Buffer.from(plaintext));
    }),
  );
});

test('any flipped bit of either buffer is refused', () => {
  fc.assert(
    fc.property(
      plaintexts,
      fc.constantFrom<'wrappedKey' | 'ciphertext'>('wrappedKey', 'ciphertext'),
      fc.nat(),
      (plaintext, field, seed) => {
        const sealed = seal(masterKeys, context, plaintext);
        const damaged = Buffer.from(sealed[field]);
        const bit = seed % (damaged.length * 8);
        damaged[bit >> 3]! ^= 1 << (bit & 7);
        const { kind } = faultOf(() => open(masterKeys, context, { ...sealed, [field]: damaged }));
        expect(kind).toBe(field === 'wrappedKey' ? 'wrapping-refused' : 'damaged');
      },
    ),
    { numRuns: 500 },
  );
});

test('every bit of one secret, one after the other, is refused', () => {
  const sealed = seal(masterKeys, context, Buffer.from('a secret'));
  for (const field of ['wrappedKey', 'ciphertext'] as const) {
    for (let bit = 0; bit < sealed[field].length * 8; bit++) {
      const damaged = Buffer.from(sealed[field]);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => open(masterKeys, context, { ...sealed, [field]: damaged })).toThrow(SecretUndecryptable);
    }
  }
});

test('a buffer of any other length is refused', () => {
  const sealed = seal(masterKeys, context, Buffer.from('a secret'));
  fc.assert(
    fc.property(
      fc.constantFrom<'wrappedKey' | 'ciphertext'>('wrappedKey', 'ciphertext'),
      fc.uint8Array({ maxLength: 80 }),
      fc.nat(),
      (field, extra, cut) => {
        const shortened = sealed[field].subarray(0, cut % sealed[field].length);
        const lengthened = Buffer.concat([sealed[field], extra, Buffer.of(0)]);
        for (const damaged of [shortened, lengthened, Buffer.from(extra)])
          expect(() => open(masterKeys, context, { ...sealed, [field]: damaged })).toThrow(
            SecretUndecryptable,
          );
      },
    ),
  );
});

test('another tenant, entity or purpose is refused, and rewrapping by one too', () => {
  fc.assert(
    fc.property(contexts, contexts, plaintexts, (mine, other, plaintext) => {
      fc.pre(JSON.stringify(mine) !== JSON.stringify(other));
      const sealed = seal(masterKeys, mine, plaintext);
      for (const field of ['tenantId', 'entityId', 'purpose'] as const) {
        if (mine[field] === other[field]) continue;
        const moved = { ...mine, [field]: other[field] };
        expect(faultOf(() => open(masterKeys, moved, sealed)).kind).toBe('wrapping-refused');
        expect(faultOf(() => rewrap(masterKeys, moved, sealed)).kind).toBe('wrapping-refused');
      }
    }),
  );
});

test('the same letters divided otherwise among tenant, entity and purpose are another context', () => {
  const sealed = seal(masterKeys, { tenantId: 'ab', entityId: 'c', purpose: 'd' }, Buffer.of(1));
  for (const [tenantId, entityId, purpose] of [
    ['a', 'bc', 'd'],
    ['ab', 'cd', 'd'],
    ['a', 'b', 'cd'],
    ['c', 'ab', 'd'],
  ] as const)
    expect(() => open(masterKeys, { tenantId, entityId, purpose }, sealed)).toThrow(SecretUndecryptable);
});

test('the contents are bound to the context too, not only their data key', () => {
  const other: SecretContext = { ...context, entityId: '43' };
  const mine = seal(masterKeys, context, Buffer.from('mine'), allNines);
  const theirs = seal(masterKeys, other, Buffer.from('them'), allNines);
  const mixed: SealedSecret = { ...mine, ciphertext: theirs.ciphertext };
  expect(faultOf(() => open(masterKeys, context, mixed)).kind).toBe('damaged');
});

describe('rewrap', () => {
  const old: MasterKeys = { current: 1, keys: masterKeys.keys };
  const onlyNew: MasterKeys = { current: 2, keys: new Map([[2, key(2)]]) };

  test('moves the secret to the current master key and leaves the ciphertext as it is', () => {
    fc.assert(
      fc.property(contexts, plaintexts, (where, plaintext) => {
        const sealed = seal(old, where, plaintext);
        const moved = rewrap(masterKeys, where, sealed);
        expect(moved.masterKeyVersion).toBe(2);
        expect(moved.ciphertext).toEqual(sealed.ciphertext);
        expect(moved.wrappedKey).not.toEqual(sealed.wrappedKey);
        expect(open(onlyNew, where, moved)).toEqual(Buffer.from(plaintext));
        expect(open(masterKeys, where, sealed)).toEqual(Buffer.from(plaintext));
      }),
    );
  });

  test('does not read the contents', () => {
    const sealed = seal(old, context, Buffer.from('secret'));
    const moved = rewrap(masterKeys, context, { ...sealed, ciphertext: Buffer.from('unreadable') });
    expect(moved.ciphertext).toEqual(Buffer.from('unreadable'));
  });
});

describe('the error', () => {
  const sealed = seal({ current: 7, keys: new Map([[7, key(7)]]) }, context, Buffer.from('a secret'));
  const openIt = (): unknown => open(masterKeys, context, sealed);

  test('says which version of the master key is missing and where it belongs', () => {
    expect(openIt).toThrow(/version 7 .*TELEGATE_MASTER_KEY.*it holds: 2, 1/);
    expect(faultOf(openIt)).toMatchObject({ kind: 'unknown-master-key', masterKeyVersion: 7 });
  });

  test('tells a key of the right version with other bytes', () => {
    const wrong: MasterKeys = { current: 7, keys: new Map([[7, key(8)]]) };
    expect(() => open(wrong, context, sealed)).toThrow(/version 7 .*another key/);
  });

  test('a wrapping relabelled as another version is refused although both versions have one key', () => {
    const twins: MasterKeys = {
      current: 7,
      keys: new Map([
        [7, key(7)],
        [8, key(7)],
      ]),
    };
    const relabelled = { ...sealed, masterKeyVersion: 8 };
    expect(faultOf(() => open(twins, context, relabelled)).kind).toBe('wrapping-refused');
  });

  test('shows neither keys nor plaintext', () => {
    const canary = Buffer.from('CANARY-canary-CANARY-canary-0123');
    const keys: MasterKeys = { current: 1, keys: new Map([[1, canary]]) };
    const one = seal(keys, context, canary);
    const faults = [
      () => open(masterKeys, context, { ...one, masterKeyVersion: 9 }),
      () => open(keys, { ...context, purpose: 'other' }, one),
      () => open(keys, context, { ...one, ciphertext: Buffer.alloc(60, 1) }),
    ];
    for (const act of faults) {
      const error = (() => {
        try {
          return act();
        } catch (thrown) {
          return thrown as Error;
        }
      })();
      const shown = JSON.stringify(error, Object.getOwnPropertyNames(error)) + String(error);
      for (const form of ['utf8', 'hex', 'base64'] as const)
        expect(shown).not.toContain(canary.toString(form));
    }
  });
});

test('every secret has its own data key and nonces', () => {
  const sealed = Array.from({ length: 50 }, () => seal(masterKeys, context, Buffer.alloc(32)));
  const distinct = (field: 'wrappedKey' | 'ciphertext') =>
    new Set(sealed.map((one) => one[field].toString('hex'))).size;
  expect(distinct('wrappedKey')).toBe(50);
  expect(distinct('ciphertext')).toBe(50);
});

test('the layout is AES-256-GCM with length-prefixed names, as any other program would write it', () => {
  const drawn: Buffer[] = [];
  const recorded = (size: number): Buffer => {
    const bytes = Buffer.alloc(size, drawn.length + 0x10);
    drawn.push(Buffer.from(bytes));
    return bytes;
  };
  const plaintext = Buffer.from('a secret');
  const sealed = seal(masterKeys, context, plaintext, recorded);
  const [dataKey, wrapNonce, contentNonce] = drawn as [Buffer, Buffer, Buffer];
  const keyNames = named('telegate secret key', 'tenant', '42', 'session-key', '2');
  const contentNames = named('telegate secret contents', 'tenant', '42', 'session-key');
  expect(sealed.wrappedKey).toEqual(independently(key(2), wrapNonce, keyNames, dataKey));
  expect(sealed.ciphertext).toEqual(independently(dataKey, contentNonce, contentNames, plaintext));
});

test('what can not be bound or is too large is refused', () => {
  expect(attempt({ tenantId: '' })).toThrow(RangeError);
  expect(attempt({ purpose: 'x'.repeat(1025) })).toThrow(RangeError);
  expect(attempt({ entityId: 'a\ud800' })).toThrow(TypeError);
  expect(() => seal(masterKeys, context, Buffer.alloc(MAX_SECRET_BYTES + 1))).toThrow(RangeError);
  expect(() => seal({ current: 3, keys: new Map([[3, Buffer.alloc(16)]]) }, context, Buffer.of(1))).toThrow(
    /has 16 bytes/,
  );
  expect(() => seal({ current: 3, keys: new Map() }, context, Buffer.of(1))).toThrow(SecretUndecryptable);
});
