import { detail, Refusal, type FieldFault } from '../http/answer.ts';
import type { Exchange } from '../http/exchange.ts';

/** What a number of more digits than any session has is refused as. */
const MOST_DIGITS = 19;
const LARGEST_ID = 2n ** 63n - 1n;

/** From the query, or else from a form; refused in FastAPI's words when it is missing or no number. */
export async function sessionIdOf(exchange: Exchange): Promise<bigint> {
  const inQuery = exchange.query.getAll('session_id').at(-1);
  if (inQuery !== undefined) return readId(inQuery, 'query');
  const inForm = (await exchange.form()).get('session_id');
  if (inForm !== undefined) return readId(inForm, 'body');
  throw refused({ loc: ['query', 'session_id'], msg: 'Field required', type: 'missing' });
}

function readId(text: string, where: 'query' | 'body'): bigint {
  const loc = [where, 'session_id'];
  const match = /^\s*([+-]?)(\d+)\s*$/.exec(text);
  if (!match) {
    const msg = 'Input should be a valid integer, unable to parse string as an integer';
    throw refused({ loc, msg, type: 'int_parsing' });
  }
  const [, sign, digits] = match as unknown as [string, string, string];
  const value = digits.length > MOST_DIGITS ? LARGEST_ID + 1n : BigInt(digits);
  if (value > LARGEST_ID) {
    const msg = 'Unable to parse input string as an integer, exceeded maximum size';
    throw refused({ loc, msg, type: 'int_parsing_size' });
  }
  return sign === '-' ? -value : value;
}

function refused(fault: FieldFault): Refusal {
  return new Refusal(detail(422, [fault]));
}

/** As a JSON number, whatever its size. */
export function idNumber(id: bigint): unknown {
  const isSafe = id <= BigInt(Number.MAX_SAFE_INTEGER) && id >= BigInt(Number.MIN_SAFE_INTEGER);
  return isSafe ? Number(id) : rawJson(String(id));
}

const { rawJSON: rawJson } = JSON as unknown as { rawJSON(text: string): unknown };

/** `2025-03-01 18:30:00`, in UTC; up to the next second, so that who waits for it does not come too early. */
export function utcText(epochMs: number): string {
  return new Date(Math.ceil(epochMs / 1_000) * 1_000).toISOString().slice(0, 19).replace('T', ' ');
}
