import { createHash } from 'node:crypto';

/** What two texts share that a reader takes for the same: case, blanks, punctuation and width do not tell them apart. */
export function likeness(text: string): string {
  const words = text
    .normalize('NFKC')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{M}\p{N}]+/gu, ' ')
    .trim();
  return words === '' ? text.normalize('NFKC').replaceAll(/\s+/gu, '') : words;
}

export function likenessHash(text: string): Buffer {
  return createHash('sha256').update(likeness(text)).digest();
}
