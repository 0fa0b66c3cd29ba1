import { generatePrimeSync } from 'node:crypto';
import { GENERATOR, isSafePublic, PRIME, type DhSide } from '../crypto/dh.ts';
import { fromBigInt, sha1, toBigInt, xor } from '../crypto/hash.ts';
import { igeDecrypt, igeEncrypt } from '../crypto/ige.ts';
import { decryptInnerData, type ServerKey } from '../crypto/rsa.ts';
import { TlError, type TlObject } from '../codec/object.ts';
import { decodeWrapped, encode } from '../tl.ts';

/** Transport errors, as a client gets them in place of an answer. */
export const KEY_UNKNOWN = -404;
export const NO_SUCH_DATA_CENTER = -444;

export class ExchangeRefused extends Error {
  readonly transportCode: number;

  constructor(message: string, transportCode = KEY_UNKNOWN) {
    super(message);
    this.name = 'ExchangeRefused';
    this.transportCode = transportCode;
  }
}

export interface ExchangedKey {
  key: Buffer;
  id: Buffer;
  salt: bigint;
}

export interface ExchangeParts {
  dataCenter: number;
  serverKey: ServerKey;
  dh: DhSide;
  random(size: number): Buffer;
  /** Epoch seconds, as the client shall see them. */
  now(): number;
  /** Whether a fault hides the true key in this exchange. */
  hidesKey(): boolean;
  isTaken(keyId: Buffer): boolean;
  onKey(key: ExchangedKey): void;
}

interface Started {
  nonce: Buffer;
  serverNonce: Buffer;
  pq: Buffer;
  p: Buffer;
  q: Buffer;
}

interface Keyed extends Started {
  newNonce: Buffer;
  temporary: { key: Buffer; iv: Buffer };
}

/** One connection's exchange; a client may begin anew at any time. */
export class KeyExchange {
  readonly #parts: ExchangeParts;
  #started: Started | undefined;
  #keyed: Keyed | undefined;

  constructor(parts: ExchangeParts) {
    this.#parts = parts;
  }

  /** The answer to a message that came in the clear. */
  answer(body: Buffer): Buffer | undefined {
    const { object } = decodeWrapped(body, 0);
    switch (object._) {
      case 'req_pq':
      case 'req_pq_multi':
        return encode(this.#begin(object['nonce'] as Buffer));
      case 'req_DH_params':
        return encode(this.#sendParameters(object as unknown as DhRequest));
      case 'set_client_DH_params':
        return encode(this.#finish(object as unknown as ClientNumber));
      // A client that acknowledges everything does so here too.
      case 'msgs_ack':
        return undefined;
      default:
        throw new ExchangeRefused(`${object._} can not be sent in the clear`);
    }
  }

  #begin(nonce: Buffer): TlObject {
    const { random, serverKey, hidesKey } = this.#parts;
    const one = generatePrimeSync(31, { bigint: true });
    let other = generatePrimeSync(31, { bigint: true });
    while (other === one) other = generatePrimeSync(31, { bigint: true });
    const [p, q] = one < other ? [one, other] : [other, one];
    this.#keyed = undefined;
    this.#started = {
      nonce: Buffer.from(nonce),
      serverNonce: random(16),
      pq: fromBigInt(p * q, 8),
      p: fromBigInt(p, 4),
      q: fromBigInt(q, 4),
    };
    return {
      _: 'resPQ',
      nonce,
      server_nonce: this.#started.serverNonce,
      pq: this.#started.pq,
      server_public_key_fingerprints: [hidesKey() ? random(8).readBigInt64LE() : serverKey.fingerprint],
    };
  }

  #sendParameters(request: DhRequest): TlObject {
    const started = this.#started;
    if (!started || !sameNonces(started, request)) throw new ExchangeRefused('the nonces are not those sent');
    const { serverKey, dataCenter, dh, random, now } = this.#parts;
    if (toBigInt(request.p) !== toBigInt(started.p) || toBigInt(request.q) !== toBigInt(started.q))
      throw new ExchangeRefused('p and q are not the factors of pq');
    if (request.public_key_fingerprint !== serverKey.fingerprint)
      throw new ExchangeRefused('the client chose another RSA key');
    const inner = readInnerData(request.encrypted_data, serverKey);
    if (!inner || !sameNonces(started, inner) || !inner.pq.equals(started.pq))
      throw new ExchangeRefused('the inner data does not fit');
    // Test servers are numbered from 10,000, those for media below zero.
    if (inner.dc !== undefined && Math.abs(inner.dc) % 10_000 !== dataCenter)
      throw new ExchangeRefused(`data centre ${inner.dc} was meant`, NO_SUCH_DATA_CENTER);
    const newNonce = Buffer.from(inner.new_nonce);
    const { nonce, serverNonce } = started;
    if (inner._.includes('temp')) {
      // Keys of limited life are not kept here; clients then go on with a permanent one.
      return {
        _: 'server_DH_params_fail',
        nonce,
        server_nonce: serverNonce,
        new_nonce_hash: sha1(newNonce).subarray(4, 20),
      };
    }
    const temporary = temporaryKey(newNonce, serverNonce);
    this.#keyed = { ...started, newNonce, temporary };
    const answer = encode({
      _: 'server_DH_inner_data',
      nonce,
      server_nonce: serverNonce,
      g: GENERATOR,
      dh_prime: PRIME,
      g_a: dh.publicNumber,
      server_time: now(),
    });
    const padding = random(-(20 + answer.length) & 15);
    return {
      _: 'server_DH_params_ok',
      nonce,
      server_nonce: serverNonce,
      encrypted_answer: igeEncrypt(
        Buffer.concat([sha1(answer), answer, padding]),
        temporary.key,
        temporary.iv,
      ),
    };
  }

  #finish(request: ClientNumber): TlObject {
    const keyed = this.#keyed;
    if (!keyed || !sameNonces(keyed, request)) throw new ExchangeRefused('the nonces are not those sent');
    const inner = readClientNumber(request.encrypted_data, keyed);
    if (!inner || !sameNonces(keyed, inner)) throw new ExchangeRefused("the client's number does not fit");
    const { newNonce, nonce, serverNonce } = keyed;
    const fail = !isSafePublic(inner.g_b);
    const key = fail ? Buffer.alloc(256) : this.#parts.dh.sharedKey(inner.g_b);
    const keyHash = sha1(key);
    const id = keyHash.subarray(12, 20);
    const retry = !fail && this.#parts.isTaken(id);
    const result = fail ? 3 : retry ? 2 : 1;
    const hash = sha1(newNonce, Buffer.of(result), keyHash.subarray(0, 8)).subarray(4, 20);
    if (!fail && !retry) {
      const salt = xor(newNonce.subarray(0, 8), serverNonce.subarray(0, 8)).readBigInt64LE();
      this.#started = undefined;
      this.#keyed = undefined;
      this.#parts.onKey({ key, id: Buffer.from(id), salt });
    }
    const name = fail ? 'dh_gen_fail' : retry ? 'dh_gen_retry' : 'dh_gen_ok';
    return { _: name, nonce, server_nonce: serverNonce, [`new_nonce_hash${result}`]: hash };
  }
}

interface Nonces {
  nonce: Buffer;
  server_nonce: Buffer;
}

interface DhRequest extends Nonces {
  p: Buffer;
  q: Buffer;
  public_key_fingerprint: bigint;
  encrypted_data: Buffer;
}

interface ClientNumber extends Nonces {
  encrypted_data: Buffer;
}

interface Inner extends Nonces {
  _: string;
  pq: Buffer;
  new_nonce: Buffer;
  dc?: number;
}

function sameNonces(ours: Started, theirs: Nonces): boolean {
  return ours.nonce.equals(theirs.nonce) && ours.serverNonce.equals(theirs.server_nonce);
}

function readInnerData(encrypted: Buffer, key: ServerKey): Inner | undefined {
  const opened = decryptInnerData(encrypted, key);
  if (!opened) return undefined;
  const read = readObject(opened.data);
  if (!read?.object._.startsWith('p_q_inner_data')) return undefined;
  if (opened.sha1 && !sha1(opened.data.subarray(0, read.end)).equals(opened.sha1)) return undefined;
  return read.object as unknown as Inner;
}

function readClientNumber(encrypted: Buffer, { temporary }: Keyed): (Nonces & { g_b: Buffer }) | undefined {
  if (encrypted.length === 0 || encrypted.length % 16 !== 0) return undefined;
  const opened = igeDecrypt(encrypted, temporary.key, temporary.iv);
  const read = readObject(opened.subarray(20));
  if (read?.object._ !== 'client_DH_inner_data') return undefined;
  if (!sha1(opened.subarray(20, 20 + read.end)).equals(opened.subarray(0, 20))) return undefined;
  return read.object as unknown as Nonces & { g_b: Buffer };
}

/** What was decrypted may be anything. */
function readObject(bytes: Buffer): { object: TlObject; end: number } | undefined {
  try {
    return decodeWrapped(bytes, 0);
  } catch (error) {
    if (error instanceof TlError) return undefined;
    throw error;
  }
}

function temporaryKey(newNonce: Buffer, serverNonce: Buffer): { key: Buffer; iv: Buffer } {
  const a = sha1(newNonce, serverNonce);
  const b = sha1(serverNonce, newNonce);
  const c = sha1(newNonce, newNonce);
  return {
    key: Buffer.concat([a, b.subarray(0, 12)]),
    iv: Buffer.concat([b.subarray(12, 20), c, newNonce.subarray(0, 4)]),
  };
}
