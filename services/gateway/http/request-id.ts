import { detail, Refusal } from './answer.ts';
import type { Exchange } from './exchange.ts';

const MAX_IDEMPOTENCY_KEY = 100;

/** A client that did not get its answer may ask again with the same key, and gets the same; empty when it has none. */
export function requestIdOf(exchange: Exchange): string {
  const key = exchange.header('idempotency-key') ?? '';
  if (key.length > MAX_IDEMPOTENCY_KEY) {
    const msg = `String should have at most ${MAX_IDEMPOTENCY_KEY} characters`;
    throw new Refusal(detail(422, [{ loc: ['header', 'idempotency-key'], msg, type: 'string_too_long' }]));
  }
  return key === '' ? '' : `http:${key}`;
}
