import type { LoginCodeKind } from '#gen/telegate/local_telegram/v1/world_pb.ts';
import type { Clock } from '#lib/lifecycle/clock.ts';
import { makeChallenge, makeVerifier, type Challenge, type Verifier } from './crypto/srp.ts';
import type { Account, LoginCode } from './world/state.ts';

export const CODE_DIGITS = 5;
export const MOST_WRONG_ATTEMPTS = 5;
const TOKEN_LIFETIME_MS = 30_000;
const EXPORT_LIFETIME_MS = 60_000;
const CHALLENGE_LIFETIME_MS = 10 * 60_000;
const MOST_KEPT = 20_000;

export interface LoginToken {
  token: Buffer;
  keyId: string;
  dataCenter: number;
  expireTime: number;
  acceptedBy: number;
}

interface Exported {
  bytes: Buffer;
  accountId: number;
  dataCenter: number;
  expireTime: number;
}

/** Logins under way: codes, QR tokens, password challenges, exported authorisations. None outlives the process. */
export class Logins {
  readonly #clock: Clock;
  readonly #codeLifetimeMs: number;
  readonly #random: (size: number) => Buffer;
  readonly #codes = new Map<string, LoginCode>();
  readonly #tokens = new Map<string, LoginToken>();
  readonly #exports = new Map<string, Exported>();
  readonly #challenges = new Map<
    bigint,
    { challenge: Challenge; verifier: Verifier; accountId: number; expireTime: number }
  >();
  readonly #verifiers = new WeakMap<object, Verifier>();
  readonly #waiting = new Set<() => void>();

  constructor(clock: Clock, codeLifetimeMs: number, random: (size: number) => Buffer) {
    this.#clock = clock;
    this.#codeLifetimeMs = codeLifetimeMs;
    this.#random = random;
  }

  clear(): void {
    this.#codes.clear();
    this.#tokens.clear();
    this.#exports.clear();
    this.#challenges.clear();
  }

  /** Makes a code for a phone, in place of the one before. */
  newCode(phone: string, kind: LoginCodeKind, keyId: string): LoginCode {
    const now = this.#clock.now();
    const digits = 10 ** CODE_DIGITS;
    const code: LoginCode = {
      phone,
      code: String(this.#random(4).readUInt32LE() % digits).padStart(CODE_DIGITS, '0'),
      hash: this.#random(9).toString('hex'),
      kind,
      sendTime: now,
      expireTime: now + this.#codeLifetimeMs,
      wrongAttempts: 0,
      keyId,
      used: false,
    };
    this.#codes.delete(phone);
    this.#codes.set(phone, code);
    bound(this.#codes);
    for (const waiting of this.#waiting) waiting();
    return code;
  }

  code(phone: string): LoginCode | undefined {
    return this.#codes.get(phone);
  }

  dropCode(phone: string): void {
    this.#codes.delete(phone);
  }

  isExpired(code: LoginCode): boolean {
    return code.used || code.wrongAttempts >= MOST_WRONG_ATTEMPTS || code.expireTime <= this.#clock.now();
  }

  /** Called after each new code; returns what ends that. */
  onCode(listener: () => void): () => void {
    this.#waiting.add(listener);
    return () => void this.#waiting.delete(listener);
  }

  /** The token that a key shows, made anew when the last one is about to expire. */
  tokenFor(keyId: string, dataCenter: number, current: string): LoginToken {
    const known = this.#tokens.get(current);
    if (known && known.expireTime > this.#clock.now() && known.keyId === keyId) return known;
    const made: LoginToken = {
      token: this.#random(16),
      keyId,
      dataCenter,
      expireTime: this.#clock.now() + TOKEN_LIFETIME_MS,
      acceptedBy: 0,
    };
    this.#tokens.set(made.token.toString('hex'), made);
    bound(this.#tokens);
    return made;
  }

  token(token: Buffer): LoginToken | undefined {
    const known = this.#tokens.get(token.toString('hex'));
    return known && known.expireTime > this.#clock.now() ? known : undefined;
  }

  dropToken(token: Buffer): void {
    this.#tokens.delete(token.toString('hex'));
  }

  exportTo(accountId: number, dataCenter: number): Buffer {
    const bytes = this.#random(64);
    const expireTime = this.#clock.now() + EXPORT_LIFETIME_MS;
    this.#exports.set(bytes.toString('hex'), { bytes, accountId, dataCenter, expireTime });
    bound(this.#exports);
    return bytes;
  }

  /** Takes an exported authorisation; it works once. */
  takeExport(bytes: Buffer, accountId: number, dataCenter: number): boolean {
    const key = bytes.toString('hex');
    const known = this.#exports.get(key);
    if (!known || known.accountId !== accountId || known.dataCenter !== dataCenter) return false;
    this.#exports.delete(key);
    return known.expireTime > this.#clock.now();
  }

  async newChallenge(account: Account): Promise<{ challenge: Challenge; verifier: Verifier } | undefined> {
    const { password } = account;
    if (!password) return undefined;
    let verifier = this.#verifiers.get(password);
    if (!verifier) {
      verifier = await makeVerifier(password.text, password.salt1, password.salt2);
      this.#verifiers.set(password, verifier);
    }
    const challenge = makeChallenge(verifier, this.#random);
    const expireTime = this.#clock.now() + CHALLENGE_LIFETIME_MS;
    this.#challenges.set(challenge.id, { challenge, verifier, accountId: account.id, expireTime });
    bound(this.#challenges);
    return { challenge, verifier };
  }

  /** A challenge serves one answer. */
  takeChallenge(id: bigint, accountId: number): { challenge: Challenge; verifier: Verifier } | undefined {
    const known = this.#challenges.get(id);
    if (!known || known.accountId !== accountId) return undefined;
    this.#challenges.delete(id);
    return known.expireTime > this.#clock.now() ? known : undefined;
  }
}

function bound(map: Map<unknown, unknown>): void {
  if (map.size <= MOST_KEPT) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}
