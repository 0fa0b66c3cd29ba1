import { pbkdf2, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { GENERATOR, isSafePublic, power, PRIME } from './dh.ts';
import { fromBigInt, sha256, toBigInt, xor } from './hash.ts';

/* The password check of https://core.telegram.org/api/srp, the server's side. */

const ROUNDS = 100_000;
const prime = toBigInt(PRIME);
const paddedGenerator = fromBigInt(BigInt(GENERATOR), 256);
const multiplier = toBigInt(sha256(PRIME, paddedGenerator));

export interface Verifier {
  salt1: Buffer;
  salt2: Buffer;
  value: bigint;
}

export interface Challenge {
  id: bigint;
  secret: bigint;
  publicNumber: Buffer;
}

export async function makeVerifier(password: string, salt1: Buffer, salt2: Buffer): Promise<Verifier> {
  const first = salted(salted(Buffer.from(password, 'utf8'), salt1), salt2);
  const stretched = await promisify(pbkdf2)(first, salt1, ROUNDS, 64, 'sha512');
  return { salt1, salt2, value: power(BigInt(GENERATOR), toBigInt(salted(stretched, salt2))) };
}

export function makeChallenge(verifier: Verifier, random: (size: number) => Buffer): Challenge {
  const secret = toBigInt(random(256));
  const number = (multiplier * verifier.value + power(BigInt(GENERATOR), secret)) % prime;
  return { id: random(8).readBigInt64BE(), secret, publicNumber: fromBigInt(number, 256) };
}

export function provesPassword(
  verifier: Verifier,
  challenge: Challenge,
  answer: { A: Buffer; M1: Buffer },
): boolean {
  if (answer.A.length > 256 || answer.M1.length !== 32) return false;
  const publicOfClient = fromBigInt(toBigInt(answer.A), 256);
  if (!isSafePublic(publicOfClient)) return false;
  const scramble = toBigInt(sha256(publicOfClient, challenge.publicNumber));
  const shared = power(toBigInt(publicOfClient) * power(verifier.value, scramble), challenge.secret);
  const expected = sha256(
    xor(sha256(PRIME), sha256(paddedGenerator)),
    sha256(verifier.salt1),
    sha256(verifier.salt2),
    publicOfClient,
    challenge.publicNumber,
    sha256(fromBigInt(shared, 256)),
  );
  return timingSafeEqual(expected, answer.M1);
}

function salted(data: Buffer, salt: Buffer): Buffer {
  return sha256(salt, data, salt);
}
