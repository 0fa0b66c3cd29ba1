/** A stretch of a text that is shown in some way; offset and length in UTF-16 units, as Telegram counts. */
export interface Stretch {
  readonly offset: number;
  readonly length: number;
  readonly style: Style;
}

export type Style =
  | { readonly kind: 'bold' | 'italic' | 'underline' | 'strike' | 'spoiler' | 'code' }
  | { readonly kind: 'quote'; readonly collapsed: boolean }
  | { readonly kind: 'pre'; readonly language: string }
  | { readonly kind: 'link'; readonly url: string }
  | { readonly kind: 'emoji'; readonly documentId: bigint };

export interface FormattedText {
  readonly text: string;
  readonly stretches: readonly Stretch[];
}

/** Telegram passes over what is beyond. */
const MOST_STRETCHES = 100;

/** Telegram cuts blanks off both ends of a message; the stretches are moved along. */
export function trimmed({ text, stretches }: FormattedText): FormattedText {
  const head = text.length - text.trimStart().length;
  const bare = text.trim();
  const kept = stretches.flatMap(({ offset, length, style }) => {
    const start = Math.max(0, offset - head);
    const end = Math.min(bare.length, offset + length - head);
    return end > start ? [{ offset: start, length: end - start, style }] : [];
  });
  // From the first on, the outer before the inner, as Telegram lists them.
  const sorted = kept.toSorted((a, b) => a.offset - b.offset || b.length - a.length);
  return { text: bare, stretches: sorted.slice(0, MOST_STRETCHES) };
}

/** Collects a text and the stretches in it. */
export class Builder {
  text = '';
  readonly stretches: Stretch[] = [];

  /** From `offset` to where the text ends now; one of nothing is left out. */
  add(offset: number, style: Style): void {
    const length = this.text.length - offset;
    if (length > 0) this.stretches.push({ offset, length, style });
  }
}
