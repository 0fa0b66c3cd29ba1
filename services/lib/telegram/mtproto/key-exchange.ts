import { constants, createPublicKey, publicEncrypt, randomBytes } from 'node:crypto';
import type { Clock } from '#lib/lifecycle/clock.ts';
import type { RsaPublicKey } from '../environment.ts';
import { KeyExchangeFailed } from '../link.ts';
import { decryptIge, encryptIge, sha1, sha256 } from './cipher.ts';
import { agree, fromBigInt, isGoodGroup, isSafeNumber, toBigInt } from './diffie-hellman.ts';
import { factorise } from './factorise.ts';
import { TlReader, int64, tlBytes, uint32 } from './tl-bytes.ts';

/* How a client and a data centre agree on a key: core.telegram.org/mtproto/auth_key, written by its steps. */

export interface ExchangeOptions {
  dataCenter: number;
  publicKeys: ReadonlyMap<bigint, RsaPublicKey>;
  clock: Clock;
  /** Sends a message in the clear and resolves with the body of the answer. */
  ask(body: Buffer): Promise<Buffer>;
}

export interface ExchangedKey {
  authKey: Buffer;
  salt: bigint;
  /** What the server's clock is ahead of ours. */
  offsetMs: number;
}

const REQ_PQ_MULTI = 0xbe7e8ef1;
const RES_PQ = 0x05162463;
const VECTOR = 0x1cb5c415;
const PQ_INNER_DATA_DC = 0xa9f55f95;
const REQ_DH_PARAMS = 0xd712e4be;
const SERVER_DH_PARAMS_OK = 0xd0e8075c;
const SERVER_DH_INNER_DATA = 0xb5890dba;
const CLIENT_DH_INNER_DATA = 0x6643b654;
const SET_CLIENT_DH_PARAMS = 0xf5045f1f;
const DH_GEN_OK = 0x3bcbf734;
const DH_GEN_RETRY = 0x46dc1fb9;

/** The server may ask for another number of ours; more often than this it does not mean it. */
const MOST_NUMBERS = 5;
const MOST_FINGERPRINTS = 64;

export async function exchangeKey(options: ExchangeOptions): Promise<ExchangedKey> {
  try {
    return await exchange(options);
  } catch (error) {
    if (error instanceof RangeError) throw protocol('a message ends too early');
    throw error;
  }
}

async function exchange({ dataCenter, publicKeys, clock, ask }: ExchangeOptions): Promise<ExchangedKey> {
  const nonce = randomBytes(16);
  const resPq = expect(await ask(Buffer.concat([uint32(REQ_PQ_MULTI), nonce])), RES_PQ);
  const serverNonce = noncesOf(resPq, nonce);
  const pq = Buffer.from(resPq.bytes());
  const [fingerprint, rsa] = chooseKey(resPq, publicKeys);
  const [p, q] = factorise(toBigInt(pq)) ?? fail('pq has no two factors');
  const [pBytes, qBytes] = [tlBytes(fromBigInt(p, 4)), tlBytes(fromBigInt(q, 4))];
  const newNonce = randomBytes(32);
  const inner = Buffer.concat([
    uint32(PQ_INNER_DATA_DC),
    tlBytes(pq),
    pBytes,
    qBytes,
    nonce,
    serverNonce,
    newNonce,
    uint32(dataCenter),
  ]);
  const parameters = expect(
    await ask(
      Buffer.concat([
        uint32(REQ_DH_PARAMS),
        nonce,
        serverNonce,
        pBytes,
        qBytes,
        int64(fingerprint),
        tlBytes(encryptForServer(inner, rsa)),
      ]),
    ),
    SERVER_DH_PARAMS_OK,
  );
  sameNonces(parameters, nonce, serverNonce);
  const temporary = temporaryKey(newNonce, serverNonce);
  const group = readGroup(parameters.bytes(), temporary, nonce, serverNonce);
  const offsetMs = 1_000 * group.serverTime - clock.now();
  if (!(await isGoodGroup(group.prime, group.generator)) || !isSafeNumber(group.theirs, group.prime))
    throw protocol('the numbers of the server are not safe');

  let retryId: Buffer = Buffer.alloc(8);
  for (let attempt = 0; attempt < MOST_NUMBERS; attempt += 1) {
    const { ours, shared } = await agree(group.prime, group.generator, group.theirs);
    const data = Buffer.concat([uint32(CLIENT_DH_INNER_DATA), nonce, serverNonce, retryId, tlBytes(ours)]);
    const hashed = Buffer.concat([sha1(data), data]);
    const filled = Buffer.concat([hashed, randomBytes(-hashed.length & 15)]);
    const encrypted = tlBytes(encryptIge(filled, ...temporary));
    const answer = new TlReader(
      await ask(Buffer.concat([uint32(SET_CLIENT_DH_PARAMS), nonce, serverNonce, encrypted])),
    );
    const kind = answer.uint32();
    if (kind !== DH_GEN_OK && kind !== DH_GEN_RETRY) throw protocol('the server made no key');
    sameNonces(answer, nonce, serverNonce);
    const keyHash = sha1(shared).subarray(0, 8);
    const result = kind === DH_GEN_OK ? 1 : 2;
    const expected = sha1(Buffer.concat([newNonce, Buffer.of(result), keyHash])).subarray(4, 20);
    if (!answer.raw(16).equals(expected)) throw protocol('the server has another key');
    if (kind === DH_GEN_OK) return { authKey: shared, salt: firstSalt(newNonce, serverNonce), offsetMs };
    retryId = keyHash;
  }
  throw protocol('the server takes no number of ours');
}

function chooseKey(resPq: TlReader, publicKeys: ReadonlyMap<bigint, RsaPublicKey>): [bigint, RsaPublicKey] {
  if (resPq.uint32() !== VECTOR) throw protocol('no fingerprints came');
  const count = Math.min(resPq.uint32(), MOST_FINGERPRINTS);
  for (let i = 0; i < count; i += 1) {
    const fingerprint = resPq.int64();
    const key = publicKeys.get(fingerprint);
    if (key) return [fingerprint, key];
  }
  throw new KeyExchangeFailed(
    'unknown-rsa-key',
    'the server has none of the RSA keys that are trusted here. It is not the Telegram it is taken for.',
  );
}

/** RSA_PAD, with a key and padding of its own each time. */
function encryptForServer(inner: Buffer, rsa: RsaPublicKey): Buffer {
  const filled = Buffer.concat([inner, randomBytes(192 - inner.length)]);
  const exponent = Buffer.alloc(4);
  exponent.writeUInt32BE(rsa.exponent);
  const jwk = { kty: 'RSA', n: rsa.modulus.toString('base64url'), e: exponent.toString('base64url') };
  const key = createPublicKey({ key: jwk, format: 'jwk' });
  for (;;) {
    const secret = randomBytes(32);
    const hashed = Buffer.concat([Buffer.from(filled.toReversed()), sha256(Buffer.concat([secret, filled]))]);
    const encrypted = encryptIge(hashed, secret, Buffer.alloc(32));
    const mask = sha256(encrypted);
    const hidden = Buffer.concat([secret.map((byte, i) => byte ^ mask[i]!), encrypted]);
    if (Buffer.compare(hidden, rsa.modulus) < 0)
      return publicEncrypt({ key, padding: constants.RSA_NO_PADDING }, hidden);
  }
}

interface Group {
  generator: number;
  prime: Buffer;
  theirs: Buffer;
  serverTime: number;
}

function readGroup(
  encrypted: Buffer,
  temporary: [Buffer, Buffer],
  nonce: Buffer,
  serverNonce: Buffer,
): Group {
  if (encrypted.length % 16 !== 0 || encrypted.length < 32) throw protocol('the answer is cut off');
  const opened = decryptIge(encrypted, ...temporary);
  const inner = new TlReader(opened, 20);
  if (inner.uint32() !== SERVER_DH_INNER_DATA) throw protocol('the answer can not be read');
  sameNonces(inner, nonce, serverNonce);
  const group = {
    generator: inner.int32(),
    prime: inner.bytes(),
    theirs: inner.bytes(),
    serverTime: inner.int32(),
  };
  if (!sha1(opened.subarray(20, inner.position)).equals(opened.subarray(0, 20)))
    throw protocol('the answer does not fit its hash');
  return group;
}

function temporaryKey(newNonce: Buffer, serverNonce: Buffer): [Buffer, Buffer] {
  const a = sha1(Buffer.concat([newNonce, serverNonce]));
  const b = sha1(Buffer.concat([serverNonce, newNonce]));
  const c = sha1(Buffer.concat([newNonce, newNonce]));
  return [Buffer.concat([a, b.subarray(0, 12)]), Buffer.concat([b.subarray(12), c, newNonce.subarray(0, 4)])];
}

function firstSalt(newNonce: Buffer, serverNonce: Buffer): bigint {
  return newNonce.readBigInt64LE() ^ serverNonce.readBigInt64LE();
}

function expect(body: Buffer, constructor: number): TlReader {
  const reader = new TlReader(body);
  if (reader.uint32() !== constructor) throw protocol('the server answered something else');
  return reader;
}

function noncesOf(reader: TlReader, nonce: Buffer): Buffer {
  if (!reader.raw(16).equals(nonce)) throw protocol('the nonce is not ours');
  return Buffer.from(reader.raw(16));
}

function sameNonces(reader: TlReader, nonce: Buffer, serverNonce: Buffer): void {
  if (!noncesOf(reader, nonce).equals(serverNonce)) throw protocol("the server's nonce changed");
}

function protocol(detail: string): KeyExchangeFailed {
  return new KeyExchangeFailed('protocol', `${detail}.`);
}

function fail(detail: string): never {
  throw protocol(detail);
}
