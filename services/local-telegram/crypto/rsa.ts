import {
  constants,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  privateDecrypt,
  type KeyObject,
} from 'node:crypto';
import { promisify } from 'node:util';
import { sha1, sha256, xor } from './hash.ts';
import { igeDecrypt } from './ige.ts';

export interface ServerKey {
  readonly privateKey: KeyObject;
  readonly modulus: Buffer;
  readonly exponent: number;
  /** Signed, as TL's `long` has it. */
  readonly fingerprint: bigint;
  readonly publicPem: string;
}

/** `privatePem`: a key of an earlier start (PKCS #1 or #8, 2048 bits); undefined makes one. */
export async function serverKey(privatePem?: string): Promise<ServerKey> {
  const privateKey =
    privatePem === undefined
      ? (await promisify(generateKeyPair)('rsa', { modulusLength: 2048 })).privateKey
      : createPrivateKey(privatePem);
  const publicKey = createPublicKey(privateKey);
  const jwk = publicKey.export({ format: 'jwk' });
  const modulus = Buffer.from(jwk.n!, 'base64url');
  const exponent = Buffer.from(jwk.e!, 'base64url');
  return {
    privateKey,
    modulus,
    exponent: exponent.readUIntBE(0, exponent.length),
    fingerprint: fingerprint(modulus, exponent),
    publicPem: publicKey.export({ type: 'pkcs1', format: 'pem' }),
  };
}

function fingerprint(modulus: Buffer, exponent: Buffer): bigint {
  return sha1(tlBytes(modulus), tlBytes(exponent)).readBigInt64LE(12);
}

function tlBytes(bytes: Buffer): Buffer {
  const head =
    bytes.length < 254 ? Buffer.of(bytes.length) : Buffer.of(254, bytes.length & 0xff, bytes.length >> 8, 0);
  return Buffer.concat([head, bytes, Buffer.alloc(-(head.length + bytes.length) & 3)]);
}

const ZERO_IV = Buffer.alloc(32);

/**
 * The inner data of the key exchange, with what the client filled it up with behind it. Undefined when neither
 * way of filling up that Telegram knows fits: RSA_PAD, and the older SHA-1 in front.
 */
export function decryptInnerData(encrypted: Buffer, key: ServerKey): InnerData | undefined {
  if (encrypted.length !== 256) return undefined;
  let plain: Buffer;
  try {
    plain = privateDecrypt({ key: key.privateKey, padding: constants.RSA_NO_PADDING }, encrypted);
  } catch {
    // The number is not below the modulus: no client that encrypted it by this key made it.
    return undefined;
  }
  return unpad(plain) ?? unpadOld(plain);
}

export interface InnerData {
  data: Buffer;
  /** Where the SHA-1 is that the older way puts in front, to be checked once the data's length is known. */
  sha1?: Buffer;
}

function unpad(plain: Buffer): InnerData | undefined {
  const encrypted = plain.subarray(32);
  const temporaryKey = xor(plain.subarray(0, 32), sha256(encrypted));
  const opened = igeDecrypt(encrypted, temporaryKey, ZERO_IV);
  const data = Buffer.from(opened.subarray(0, 192).toReversed());
  return sha256(temporaryKey, data).equals(opened.subarray(192)) ? { data } : undefined;
}

function unpadOld(plain: Buffer): InnerData | undefined {
  return plain[0] === 0 ? { sha1: plain.subarray(1, 21), data: plain.subarray(21) } : undefined;
}
