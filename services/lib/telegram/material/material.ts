/**
 * What a Telegram session is: the key that Telegram knows it by, and where that key lives. Formats at the
 * edges hold more or less of it; what a format does not hold is absent.
 */
export interface Material {
  readonly dataCenter: number;
  /** 256 bytes. Whoever has them is the account. */
  readonly authKey: Buffer;
  readonly userId?: bigint;
  /** Telegram's test environment, whose keys and data centres are others. */
  readonly testMode?: boolean;
  /** The application that the session was made by. */
  readonly apiId?: number;
  readonly isBot?: boolean;
  /** Where the program that wrote the session dialled; absent, the data centre's usual address. */
  readonly address?: Address;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

export const materialFormats = [
  'gramjs-string',
  'telethon-string',
  'telethon-file',
  'pyrogram-string',
  'pyrogram-file',
] as const;

export type MaterialFormat = (typeof materialFormats)[number];

export const AUTH_KEY_BYTES = 256;
/** Telegram's own are 1 to 5; a byte holds it in every format, and Pyrogram strings above 211 look like others. */
export const MAX_DATA_CENTER = 127;
/** Telegram promises that ids keep to 52 bits. */
export const MAX_USER_ID = 2n ** 52n - 1n;
export const MAX_API_ID = 2 ** 31 - 1;
export const MAX_HOST_LENGTH = 100;

const HOST_NAME = /^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$/;
const IPV6 = /^[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*$/;

/** The first rule that the material breaks, in words that show none of it. */
export function faultOf(material: Material): string | undefined {
  const { dataCenter, authKey, userId, apiId, address } = material;
  if (!Number.isInteger(dataCenter) || dataCenter < 1 || dataCenter > MAX_DATA_CENTER)
    return `the data centre is not a number from 1 to ${MAX_DATA_CENTER}`;
  if (authKey.length === 0) return 'it holds no key: nobody has logged in with it';
  if (authKey.length !== AUTH_KEY_BYTES)
    return `the key has ${authKey.length} bytes; ${AUTH_KEY_BYTES} are needed`;
  if (authKey.every((byte) => byte === 0)) return 'its key is all zeros: nobody has logged in with it';
  if (userId !== undefined && (userId < 1n || userId > MAX_USER_ID)) return 'the user id is out of range';
  if (apiId !== undefined && (!Number.isInteger(apiId) || apiId < 1 || apiId > MAX_API_ID))
    return 'the API id is out of range';
  return address && faultOfAddress(address);
}

export function faultOfAddress({ host, port }: Address): string | undefined {
  if (host.length > MAX_HOST_LENGTH || !(HOST_NAME.test(host) || IPV6.test(host)))
    return 'the server address is neither an IP address nor a host name';
  if (!Number.isInteger(port) || port < 1 || port > 65_535) return 'the port is not a number from 1 to 65535';
  return undefined;
}
