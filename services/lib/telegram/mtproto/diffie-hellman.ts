import { checkPrime, createPublicKey, diffieHellman, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

/** The prime that Telegram's servers have sent for years; it is known to be safe. Any other is tested. */
const KNOWN_PRIME =
  'c71caeb9c6b1c9048e6c522f70f13f73980d40238e3e21c14934d037563d930f48198a0aa7c14058229493d22530f4db' +
  'fa336f6e0ac925139543aed44cce7c3720fd51f69458705ac68cd4fe6b6b13abdc9746512969328454f18faf8c595f64' +
  '2477fe96bb2a941d5bcd1d4ac8cc49880708fa9b378e3c4f3a9060bee67cf9a4a4a695811051907e162753b56b0f6b41' +
  '0dba74d8a84b2a14b3144e0ef1284754fd17ed950d5965b4b9dd46582db1178d169c6bc465b0d6ff9ca3928fef5b9ae4' +
  'e418fc15e83ebea0f87fa9ff5eed70050ded2849f47bf959d956850ce929851f0d8115f635b105ee2e4e15d04b2454bf' +
  '6f4fadf034b10403119cd8e3b92fcc5b';
const BYTES = 256;

/** What Telegram's security guidelines ask of a prime and its generator. */
export async function isGoodGroup(prime: Buffer, generator: number): Promise<boolean> {
  if (prime.length !== BYTES || prime[0]! < 0x80) return false;
  if (!generates(toBigInt(prime), generator)) return false;
  if (prime.toString('hex') === KNOWN_PRIME) return true;
  const test = promisify<Buffer, boolean>(checkPrime);
  const half = fromBigInt((toBigInt(prime) - 1n) / 2n, BYTES);
  return (await test(prime)) && (await test(half));
}

function generates(prime: bigint, generator: number): boolean {
  switch (generator) {
    case 2:
      return prime % 8n === 7n;
    case 3:
      return prime % 3n === 2n;
    case 4:
      return true;
    case 5:
      return prime % 5n === 1n || prime % 5n === 4n;
    case 6:
      return prime % 24n === 19n || prime % 24n === 23n;
    case 7:
      return [3n, 5n, 6n].includes(prime % 7n);
    default:
      return false;
  }
}

/** Neither number may lie near an end. */
export function isSafeNumber(number: Buffer, prime: Buffer): boolean {
  const [value, top] = [toBigInt(number), toBigInt(prime)];
  const least = 1n << (2_048n - 64n);
  return value >= least && value <= top - least;
}

export interface Agreement {
  readonly ours: Buffer;
  /** 256 bytes, with the zeros that it may begin with. */
  readonly shared: Buffer;
}

export async function agree(prime: Buffer, generator: number, theirs: Buffer): Promise<Agreement> {
  const pair = promisify(generateKeyPair);
  for (;;) {
    const { publicKey, privateKey } = await pair('dh', { prime, generator });
    const ours = numberOf(publicKey);
    // As rare as a broken random source, and then it must not go on.
    if (!isSafeNumber(ours, prime)) continue;
    const shared = diffieHellman({ privateKey, publicKey: asKey(theirs, prime, generator) });
    return { ours: padded(ours), shared: padded(shared) };
  }
}

/** A key in its DER form is { { algorithm }, BIT STRING of an INTEGER }. */
function numberOf(key: KeyObject): Buffer {
  const spki = key.export({ format: 'der', type: 'spki' });
  const algorithm = contentOf(spki, contentOf(spki, 0).start);
  const bits = contentOf(spki, algorithm.end);
  // A byte says how many bits of the last one are unused: none.
  const number = contentOf(spki, bits.start + 1);
  return spki.subarray(number.start, number.end);
}

function contentOf(bytes: Buffer, at: number): { start: number; end: number } {
  const first = bytes[at + 1]!;
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  const start = at + 2 + lengthBytes;
  const length = lengthBytes === 0 ? first : bytes.readUIntBE(at + 2, lengthBytes);
  return { start, end: start + length };
}

const DH_KEY_AGREEMENT = Buffer.from('06092a864886f70d010301', 'hex');

function asKey(number: Buffer, prime: Buffer, generator: number): KeyObject {
  const group = der(0x30, derInteger(prime), derInteger(Buffer.of(generator)));
  const key = der(
    0x30,
    der(0x30, DH_KEY_AGREEMENT, group),
    der(0x03, Buffer.concat([Buffer.of(0), derInteger(number)])),
  );
  return createPublicKey({ key, format: 'der', type: 'spki' });
}

function derInteger(number: Buffer): Buffer {
  let from = 0;
  while (from < number.length - 1 && number[from] === 0) from += 1;
  const short = number.subarray(from);
  return der(0x02, short[0]! >= 0x80 ? Buffer.concat([Buffer.of(0), short]) : short);
}

function der(tag: number, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const { length } = body;
  const size =
    length < 0x80
      ? Buffer.of(length)
      : length < 0x100
        ? Buffer.of(0x81, length)
        : Buffer.of(0x82, length >> 8, length & 255);
  return Buffer.concat([Buffer.of(tag), size, body]);
}

function padded(number: Buffer): Buffer {
  return fromBigInt(toBigInt(number), BYTES);
}

export function toBigInt(bytes: Buffer): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${bytes.toString('hex')}`);
}

/** Big-endian, with zeros on the left. */
export function fromBigInt(value: bigint, length: number): Buffer {
  return Buffer.from(value.toString(16).padStart(2 * length, '0'), 'hex');
}
