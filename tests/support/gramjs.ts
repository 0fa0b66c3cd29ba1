import { Api, Logger, TelegramClient } from 'telegram';
import { generateRandomBytes, readBigIntFromBuffer, returnBigInt } from 'telegram/Helpers.js';
import { computeCheck } from 'telegram/Password.js';
import { _serverKeys } from 'telegram/crypto/RSA.js';
import { AuthKey } from 'telegram/crypto/AuthKey.js';
import { IGE } from 'telegram/crypto/IGE.js';
import { LogLevel } from 'telegram/extensions/Logger.js';
import { PromisedNetSockets } from 'telegram/extensions/PromisedNetSockets.js';
import { ConnectionTCPAbridged, ConnectionTCPFull, ConnectionTCPObfuscated } from 'telegram/network/index.js';
import { StringSession } from 'telegram/sessions/index.js';

/** Strings of sessions break on ports above 32767; the sockets know the true one. */
const ANY_PORT = 443;

/* The library as it is, pointed at a local Telegram: what tests compare with, and the one place they load it. */

export { Api, computeCheck, returnBigInt, generateRandomBytes, readBigIntFromBuffer, StringSession };

export interface PlainTarget {
  dataCenters: readonly { id: number; host: string; port: number }[];
  rsa: { modulus: Buffer; exponent: number; fingerprint: bigint };
}

export const connections = {
  full: ConnectionTCPFull,
  abridged: ConnectionTCPAbridged,
  obfuscated: ConnectionTCPObfuscated,
};

export interface PlainOptions {
  connection?: keyof typeof connections;
  dataCenter?: number;
  /** `default`: it says what it says when nobody asks it not to. */
  logger?: 'none' | 'default';
}

/** What a client does when nothing is said. */
export function plainDefaults(): {
  connectionRetries: number;
  floodSleepThreshold: number;
  securityChecks: boolean;
} {
  const client = new TelegramClient(new StringSession(''), 1, 'local', {
    baseLogger: new Logger(LogLevel.NONE),
  });
  return {
    connectionRetries: client['_connectionRetries'],
    floodSleepThreshold: client.floodSleepThreshold,
    securityChecks: client['_securityChecks'],
  };
}

/** How many people and chats a client remembers; it never forgets one. */
export function cachedEntities(client: TelegramClient): number {
  return (client['_entityCache'] as unknown as { cacheMap: Map<string, unknown> }).cacheMap.size;
}

/** The ports that a client asks its socket for, whose session says `port`. */
export async function dialledPorts(authKey: Buffer, port: number): Promise<number[]> {
  const dialled: number[] = [];
  const session = new StringSession('');
  session.setDC(2, '127.0.0.1', port);
  const key = new AuthKey();
  await key.setKey(authKey);
  session.setAuthKey(key, 2);
  const client = new TelegramClient(session, 1, 'local', {
    networkSocket: class extends PromisedNetSockets {
      override connect(to: number): Promise<this> {
        dialled.push(to);
        return Promise.reject(new Error('nothing is dialled here'));
      }
    },
    connectionRetries: 1,
    baseLogger: new Logger(LogLevel.NONE),
  });
  await client.connect();
  await client.destroy();
  return dialled;
}

/** A client that is not connected yet. */
export function plainClient(target: PlainTarget, options: PlainOptions = {}): TelegramClient {
  trust(target);
  const [first] = target.dataCenters;
  const dataCenter = options.dataCenter ?? first!.id;
  const session = new StringSession('');
  session.setDC(dataCenter, addressOf(target, dataCenter), ANY_PORT);
  const client = new TelegramClient(session, 1, 'local', {
    connection: connections[options.connection ?? 'full'],
    networkSocket: socketsOf(target),
    connectionRetries: 1,
    autoReconnect: false,
    floodSleepThreshold: 0,
    ...(options.logger === 'default' ? {} : { baseLogger: new Logger(LogLevel.NONE) }),
    deviceModel: 'test',
  });
  // Its own table knows addresses only, and both data centres of a machine have the same one.
  client.getDC = (id) => Promise.resolve({ id, ipAddress: addressOf(target, id), port: ANY_PORT });
  return client;
}

/** A client under a key that exists. */
export async function resumedClient(
  target: PlainTarget,
  options: PlainOptions & { authKey: Buffer },
): Promise<TelegramClient> {
  const client = plainClient(target, options);
  const dataCenter = options.dataCenter ?? target.dataCenters[0]!.id;
  const key = new AuthKey();
  await key.setKey(options.authKey);
  (client.session as StringSession).setAuthKey(key, dataCenter);
  return client;
}

export function trust({ rsa }: PlainTarget): void {
  _serverKeys.set(rsa.fingerprint.toString(), {
    n: returnBigInt(BigInt(`0x${rsa.modulus.toString('hex')}`)),
    e: rsa.exponent,
  });
}

/** Each client believes in addresses of its own; only the port tells the data centres of one machine apart. */
function socketsOf({ dataCenters }: PlainTarget): typeof PromisedNetSockets {
  return class extends PromisedNetSockets {
    override connect(port: number, ip: string): Promise<this> {
      const known = dataCenters.find((one) => fakeIp(one.id) === ip);
      return super.connect(known?.port ?? port, known?.host ?? ip) as Promise<this>;
    }
  };
}

function addressOf({ dataCenters }: PlainTarget, id: number): string {
  if (!dataCenters.some((one) => one.id === id)) throw new Error(`there is no data centre ${id}`);
  return fakeIp(id);
}

function fakeIp(id: number): string {
  return `127.77.0.${id}`;
}

export function igeOfLibrary(key: Buffer, iv: Buffer): { encryptIge(plain: Buffer): Buffer } {
  return new IGE(key, iv);
}
