import { createCipheriv, createDecipheriv, randomBytes as systemRandomBytes } from 'node:crypto';
import type { MasterKeys } from '#lib/config/shared.ts';
import { SecretUndecryptable } from './errors.ts';

/**
 * A secret at rest. Its data key encrypts `ciphertext`; the master key of version `masterKeyVersion` encrypts
 * the data key. Each buffer is: layout version (1 byte), nonce (12), encrypted bytes, tag (16).
 */
export interface SealedSecret {
  readonly masterKeyVersion: number;
  readonly wrappedKey: Buffer;
  readonly ciphertext: Buffer;
}

/** Whose secret it is and for what: bound to both layers, so that a row copied onto another does not open. */
export interface SecretContext {
  readonly tenantId: string;
  readonly entityId: string;
  readonly purpose: string;
}

export type RandomBytes = (size: number) => Buffer;

const ALGORITHM = 'aes-256-gcm';
const LAYOUT_VERSION = 1;
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const OVERHEAD_BYTES = 1 + NONCE_BYTES + TAG_BYTES;

export const MAX_SECRET_BYTES = 1024 * 1024;
const MAX_CONTEXT_BYTES = 1024;

export function seal(
  masterKeys: MasterKeys,
  context: SecretContext,
  plaintext: Uint8Array,
  randomBytes: RandomBytes = systemRandomBytes,
): SealedSecret {
  if (plaintext.length > MAX_SECRET_BYTES)
    throw new RangeError(
      `a secret of ${plaintext.length} bytes is over the limit of ${MAX_SECRET_BYTES} bytes`,
    );
  const dataKey = randomBytes(KEY_BYTES);
  try {
    return {
      ...wrap(masterKeys, context, dataKey, randomBytes),
      ciphertext: encrypt(dataKey, contentsBinding(context), plaintext, randomBytes),
    };
  } finally {
    dataKey.fill(0);
  }
}

export function open(masterKeys: MasterKeys, context: SecretContext, sealed: SealedSecret): Buffer {
  const dataKey = unwrap(masterKeys, context, sealed);
  try {
    const plaintext = decrypt(dataKey, contentsBinding(context), sealed.ciphertext);
    if (plaintext === undefined) throw new SecretUndecryptable({ kind: 'damaged' });
    return plaintext;
  } finally {
    dataKey.fill(0);
  }
}

/** Wraps the data key by the current master key; the secret itself is neither read nor written anew. */
export function rewrap(
  masterKeys: MasterKeys,
  context: SecretContext,
  sealed: SealedSecret,
  randomBytes: RandomBytes = systemRandomBytes,
): SealedSecret {
  const dataKey = unwrap(masterKeys, context, sealed);
  try {
    return { ...wrap(masterKeys, context, dataKey, randomBytes), ciphertext: sealed.ciphertext };
  } finally {
    dataKey.fill(0);
  }
}

function wrap(masterKeys: MasterKeys, context: SecretContext, dataKey: Buffer, randomBytes: RandomBytes) {
  const masterKeyVersion = masterKeys.current;
  const masterKey = keyOfVersion(masterKeys, masterKeyVersion);
  const binding = wrappingBinding(context, masterKeyVersion);
  return { masterKeyVersion, wrappedKey: encrypt(masterKey, binding, dataKey, randomBytes) };
}

function unwrap(masterKeys: MasterKeys, context: SecretContext, sealed: SealedSecret): Buffer {
  const { masterKeyVersion, wrappedKey } = sealed;
  const masterKey = keyOfVersion(masterKeys, masterKeyVersion);
  const dataKey = decrypt(masterKey, wrappingBinding(context, masterKeyVersion), wrappedKey);
  if (dataKey?.length !== KEY_BYTES)
    throw new SecretUndecryptable({ kind: 'wrapping-refused', masterKeyVersion });
  return dataKey;
}

function keyOfVersion({ keys }: MasterKeys, masterKeyVersion: number): Buffer {
  const key = keys.get(masterKeyVersion);
  if (key === undefined)
    throw new SecretUndecryptable({ kind: 'unknown-master-key', masterKeyVersion, known: [...keys.keys()] });
  if (key.length !== KEY_BYTES)
    throw new RangeError(
      `master key ${masterKeyVersion} has ${key.length} bytes; exactly ${KEY_BYTES} are needed`,
    );
  return key;
}

function encrypt(key: Buffer, binding: Buffer, plaintext: Uint8Array, randomBytes: RandomBytes): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES }).setAAD(binding);
  const encrypted = [cipher.update(plaintext), cipher.final()];
  return Buffer.concat([Buffer.of(LAYOUT_VERSION), nonce, ...encrypted, cipher.getAuthTag()]);
}

/** Undefined when the bytes, the key or the binding are not those of the encryption. */
function decrypt(key: Buffer, binding: Buffer, sealed: Buffer): Buffer | undefined {
  if (sealed.length < OVERHEAD_BYTES || sealed[0] !== LAYOUT_VERSION) return undefined;
  const nonce = sealed.subarray(1, 1 + NONCE_BYTES);
  const decipher = createDecipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES })
    .setAAD(binding)
    .setAuthTag(sealed.subarray(-TAG_BYTES));
  const decrypted = decipher.update(sealed.subarray(1 + NONCE_BYTES, -TAG_BYTES));
  try {
    return Buffer.concat([decrypted, decipher.final()]);
  } catch {
    // The only thing final() throws for in this mode is a tag that does not fit.
    decrypted.fill(0);
    return undefined;
  }
}

function contentsBinding(context: SecretContext): Buffer {
  return lengthPrefixed(['telegate secret contents', context.tenantId, context.entityId, context.purpose]);
}

/** The version is bound too: a wrapping relabelled as another version's is refused, whatever the keys are. */
function wrappingBinding(context: SecretContext, masterKeyVersion: number): Buffer {
  const { tenantId, entityId, purpose } = context;
  return lengthPrefixed(['telegate secret key', tenantId, entityId, purpose, String(masterKeyVersion)]);
}

/** Each part after its length, so that no two lists of parts give the same bytes. */
function lengthPrefixed(parts: readonly string[]): Buffer {
  return Buffer.concat(
    parts.flatMap((part) => {
      // A lone surrogate is written as U+FFFD, which would make two names one.
      if (!part.isWellFormed()) throw new TypeError('a part of a secret context is not well-formed Unicode');
      const bytes = Buffer.from(part, 'utf8');
      if (bytes.length === 0 || bytes.length > MAX_CONTEXT_BYTES)
        throw new RangeError(`a part of a secret context must have 1 to ${MAX_CONTEXT_BYTES} bytes`);
      const length = Buffer.alloc(4);
      length.writeUInt32BE(bytes.length);
      return [length, bytes];
    }),
  );
}
