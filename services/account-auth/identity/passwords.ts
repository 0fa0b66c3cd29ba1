import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { QuotaExceeded } from '#lib/rpc/errors.ts';

const derive = promisify(argon2);

/** Argon2id as OWASP recommends it: 50 ms of one core and 19 MiB a check on the machine this was built on. */
const COST = { memory: 19_456, passes: 2, parallelism: 1 };
const SALT_BYTES = 16;
const HASH_BYTES = 32;
/** More of one process would only keep its other work from the threads that they all share. */
const AT_ONCE = 2;
/** At 50 ms each, two at a time, the last of them waits under two seconds. */
const QUEUED = 64;
const RETRY_MS = 1_000;

export interface Passwords {
  hash(password: string): Promise<string>;
  /** Takes as long for a user that is not there (`undefined`), and says no. */
  verify(hash: string | undefined, password: string): Promise<boolean>;
}

export function createPasswords(options: { atOnce?: number; queued?: number } = {}): Passwords {
  const { atOnce = AT_ONCE, queued = QUEUED } = options;
  const waiting: (() => void)[] = [];
  let running = 0;

  async function inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (running >= atOnce) {
      if (waiting.length >= queued) {
        const text = 'Too many passwords are being checked on this process. Try again in a moment.';
        throw new QuotaExceeded('password_checks', text, RETRY_MS);
      }
      await new Promise<void>((resolve) => waiting.push(resolve));
    } else running += 1;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running -= 1;
    }
  }

  /** Of no password: what a user that is not there is compared with. */
  const nobody: PasswordHash = { ...COST, salt: randomBytes(SALT_BYTES), hash: randomBytes(HASH_BYTES) };

  return {
    hash: (password) =>
      inTurn(async () => {
        const salt = randomBytes(SALT_BYTES);
        return written({ ...COST, salt, hash: await argon2id(password, { ...COST, salt }, HASH_BYTES) });
      }),
    verify: (stored, password) =>
      inTurn(async () => {
        const known = stored === undefined ? nobody : read(stored);
        const hash = await argon2id(password, known, known.hash.length);
        return timingSafeEqual(hash, known.hash) && stored !== undefined;
      }),
  };
}

interface Cost {
  memory: number;
  passes: number;
  parallelism: number;
}

interface PasswordHash extends Cost {
  salt: Buffer;
  hash: Buffer;
}

async function argon2id(password: string, cost: Cost & { salt: Buffer }, tagLength: number): Promise<Buffer> {
  const { memory, passes, parallelism, salt } = cost;
  // One password may be typed as different code points on different keyboards.
  const message = password.normalize('NFC');
  return derive('argon2id', { message, nonce: salt, memory, passes, parallelism, tagLength });
}

/** The PHC string format, so that the cost can rise while older hashes go on to be verified. */
function written({ memory, passes, parallelism, salt, hash }: PasswordHash): string {
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${unpadded(salt)}$${unpadded(hash)}`;
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '');
}

const PHC = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([\w+/]+)\$([\w+/]+)$/;

function read(text: string): PasswordHash {
  const [, memory, passes, parallelism, salt = '', hash = ''] = PHC.exec(text) ?? [];
  if (memory === undefined) throw new Error('a stored password hash is not of the form that is written here');
  return {
    memory: Number(memory),
    passes: Number(passes),
    parallelism: Number(parallelism),
    salt: Buffer.from(salt, 'base64'),
    hash: Buffer.from(hash, 'base64'),
  };
}
