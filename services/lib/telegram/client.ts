// oxlint-disable-next-line import/no-unassigned-import
import './without-web-storage.ts';
import { returnBigInt } from 'telegram/Helpers.js';
import { computeCheck } from 'telegram/Password.js';
import { _serverKeys } from 'telegram/crypto/RSA.js';
import { BinaryReader } from 'telegram/extensions/BinaryReader.js';
import { LAYER } from 'telegram/tl/AllTLObjects.js';
import { Api } from 'telegram/tl/index.js';
import type { RsaPublicKey } from './environment.ts';
import type { Application } from './link.ts';

/*
 * The one place that loads the library. Its TL classes, its proof of passwords and the keys of Telegram are
 * used; its connections, its sender and its client are not (docs/decisions).
 */

export { Api, LAYER };

/** Proves a password without sending it. */
export function provePassword(
  asked: Api.account.Password,
  password: string,
): Promise<Api.InputCheckPasswordSRP> {
  return computeCheck(asked, password);
}

/** The RSA keys of the real Telegram. */
export function telegramKeys(): ReadonlyMap<bigint, RsaPublicKey> {
  return new Map(
    [..._serverKeys].map(([fingerprint, { n, e }]) => [
      BigInt(fingerprint),
      { modulus: Buffer.from(n.toString(16).padStart(512, '0'), 'hex'), exponent: e },
    ]),
  );
}

const SUBCLASS_OF_UPDATES = 0x8af52aac;

export function readUpdates(body: Buffer): Api.TypeUpdates | undefined {
  const object = new BinaryReader(body).tgReadObject() as { SUBCLASS_OF_ID?: number };
  return object.SUBCLASS_OF_ID === SUBCLASS_OF_UPDATES ? (object as Api.TypeUpdates) : undefined;
}

/** Throws when the answer is of a constructor that this layer does not know. */
export function readAnswer(request: Api.AnyRequest, answer: Buffer): unknown {
  // The instances have it; the library's types say that the classes do.
  const { readResult } = request as unknown as { readResult: (reader: BinaryReader) => unknown };
  return readResult.call(request, new BinaryReader(answer));
}

/** The first call of a connection says who calls, and in which layer. */
export function withInitConnection(
  request: Api.AnyRequest,
  apiId: number,
  application: Application,
): Api.AnyRequest {
  return new Api.InvokeWithLayer({
    layer: LAYER,
    query: new Api.InitConnection({ apiId, langPack: '', ...application, query: request }),
  });
}

/** A native big integer as the library's classes hold one. */
export function wireLong(value: bigint): ReturnType<typeof returnBigInt> {
  return returnBigInt(value);
}
