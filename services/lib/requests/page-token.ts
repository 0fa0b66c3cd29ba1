import { createHash } from 'node:crypto';
import type { FieldViolation } from '#lib/rpc/errors.ts';
import { canonicalText } from './canonical.ts';

/*
 * Where the next page begins: behind an id, in the list that one filter gives. The digest covers both, so that
 * a token that was changed, or is used with another filter, is told from a good one. It grants nothing: every
 * list is bound to the caller's tenant whatever the token says.
 */

const NOT_OF_THIS =
  'does not belong to this request; send the next_page_token of an answer with the same filter, or none';
const DIGEST_BYTES = 12;
const TOKEN_BYTES = 8 + DIGEST_BYTES;

/** `filter` is all that says what the list holds, the method's name and the tenant included. */
export function pageToken(filter: unknown, after: bigint): string {
  const id = Buffer.alloc(8);
  id.writeBigInt64BE(after);
  return Buffer.concat([id, digest(filter, id)]).toString('base64url');
}

/** The id behind which the page begins; 0 for an empty token. */
export function readPageToken(
  violations: FieldViolation[],
  field: string,
  token: string,
  filter: unknown,
): bigint {
  if (token === '') return 0n;
  const bytes = token.length <= 2 * TOKEN_BYTES ? Buffer.from(token, 'base64url') : Buffer.alloc(0);
  const id = bytes.subarray(0, 8);
  if (bytes.length === TOKEN_BYTES && digest(filter, id).equals(bytes.subarray(8)))
    return id.readBigInt64BE();
  violations.push({ field, description: NOT_OF_THIS });
  return 0n;
}

/** As pageToken, where what a page begins behind is more than a number. */
export function textPageToken(filter: unknown, after: string): string {
  const bytes = Buffer.from(after);
  return Buffer.concat([digest(filter, bytes), bytes]).toString('base64url');
}

const LONGEST_TEXT_TOKEN = 512;

/** The text behind which the page begins; undefined for an empty token, and for a wrong one. */
export function readTextPageToken(
  violations: FieldViolation[],
  field: string,
  token: string,
  filter: unknown,
): string | undefined {
  if (token === '') return undefined;
  const bytes = token.length <= LONGEST_TEXT_TOKEN ? Buffer.from(token, 'base64url') : Buffer.alloc(0);
  const after = bytes.subarray(DIGEST_BYTES);
  if (after.length > 0 && digest(filter, after).equals(bytes.subarray(0, DIGEST_BYTES)))
    return after.toString();
  violations.push({ field, description: NOT_OF_THIS });
  return undefined;
}

function digest(filter: unknown, id: Uint8Array): Buffer {
  return createHash('sha256').update(canonicalText(filter)).update(id).digest().subarray(0, DIGEST_BYTES);
}
