/** Seconds in the high half, a fraction in the low one; the lowest two bits tell the sender and its kind. */
export function timeOf(messageId: bigint): number {
  return Number(messageId >> 32n);
}

const FROM_CLIENT = 0n;
const ANSWER = 1n;
const UNASKED = 3n;

/** Makes the server's message ids, which only ever rise. */
export class MessageIds {
  #last = 0n;

  next(epochMs: number, isAnswer: boolean): bigint {
    const seconds = Math.floor(epochMs / 1_000);
    const fraction = BigInt(Math.floor((epochMs - 1_000 * seconds) * 4_000_000)) & ~3n;
    let id = (BigInt(seconds) << 32n) | fraction;
    if (id <= this.#last) id = (this.#last & ~3n) + 4n;
    this.#last = id | 3n;
    return id | (isAnswer ? ANSWER : UNASKED);
  }
}

/** Codes of bad_msg_notification. */
export const BAD = {
  idTooLow: 16,
  idTooHigh: 17,
  idBits: 18,
  containerIdReused: 19,
  tooOld: 20,
  seqnoTooLow: 32,
  seqnoTooHigh: 33,
  seqnoNotEven: 34,
  seqnoNotOdd: 35,
  salt: 48,
  container: 64,
} as const;

const OLDEST_S = 300;
const NEWEST_S = 30;

/** The code by which an id is refused, whatever else was received. */
export function idFault(messageId: bigint, nowSeconds: number): number | undefined {
  if ((messageId & 3n) !== FROM_CLIENT) return BAD.idBits;
  const time = timeOf(messageId);
  if (time < nowSeconds - OLDEST_S) return BAD.idTooLow;
  if (time > nowSeconds + NEWEST_S) return BAD.idTooHigh;
  return undefined;
}
