import { Builder, type FormattedText, type Style } from './formatted.ts';

/*
 * Markdown as Telegram's apps take it: **bold**, __italic__, ~~strike~~, ||spoiler||, `code`, ```pre``` and
 * [text](url), nested in any way; a backslash takes the meaning of the mark behind it. A mark without its partner
 * stands for itself, so that every text has a meaning.
 */

const MARKS: Readonly<Record<string, Style>> = {
  '**': { kind: 'bold' },
  __: { kind: 'italic' },
  '~~': { kind: 'strike' },
  '||': { kind: 'spoiler' },
};
const ESCAPED = new Set('\\*_~|`[]()');
const LONGEST_URL = 2_048;

interface Open {
  readonly mark: string;
  /** Where its text begins, in what was written. */
  readonly offset: number;
}

export function parseMarkdown(source: string): FormattedText {
  // A mark is paired before it is written: one that has no partner must stay, and everything behind it with it.
  const pairs = pairsIn(source);
  const built = new Builder();
  const open: Open[] = [];
  let at = 0;
  while (at < source.length) {
    const piece = pairs.get(at);
    if (piece === undefined) {
      built.text += source[at];
      at += 1;
    } else if (piece.kind === 'literal') {
      built.text += piece.text;
      at = piece.end;
    } else if (piece.kind === 'block') {
      const offset = built.text.length;
      built.text += piece.text;
      built.add(offset, piece.style);
      at = piece.end;
    } else if (piece.kind === 'open') {
      open.push({ mark: piece.mark, offset: built.text.length });
      at += piece.mark.length;
    } else {
      const { offset } = open.pop()!;
      built.add(offset, piece.style);
      at = piece.end;
    }
  }
  return built;
}

type Piece =
  | { readonly kind: 'literal'; readonly text: string; readonly end: number }
  | { readonly kind: 'block'; readonly text: string; readonly style: Style; readonly end: number }
  | { readonly kind: 'open'; readonly mark: string }
  | { readonly kind: 'close'; readonly style: Style; readonly end: number };

/** What stands at each place that is more than a character. Goes over the text once. */
function pairsIn(source: string): Map<number, Piece> {
  const pieces = new Map<number, Piece>();
  const waiting: { mark: string; at: number }[] = [];
  const seek = createSeeker(source);
  let at = 0;

  const close = (place: number, end: number, style: Style): void => {
    const { mark, at: from } = waiting.splice(place)[0]!;
    pieces.set(from, { kind: 'open', mark });
    pieces.set(at, { kind: 'close', style, end });
    at = end;
  };

  while (at < source.length) {
    const char = source[at]!;
    if (char === '\\' && ESCAPED.has(source[at + 1] ?? '')) {
      pieces.set(at, { kind: 'literal', text: source[at + 1]!, end: at + 2 });
      at += 2;
      continue;
    }
    const block = char === '`' ? blockAt(source, at, seek) : undefined;
    if (block) {
      pieces.set(at, block);
      at = block.end;
      continue;
    }
    const mark = source.slice(at, at + 2);
    const style = Object.hasOwn(MARKS, mark) ? MARKS[mark] : undefined;
    if (style) {
      const place = waiting.findIndex((one) => one.mark === mark);
      // Of nothing: two marks that stand for themselves.
      if (place !== -1 && waiting[place]!.at + 2 < at) {
        close(place, at + 2, style);
        continue;
      }
      if (place === -1) waiting.push({ mark, at });
      at += 2;
      continue;
    }
    if (char === '[') {
      // The innermost one is the one that a "]" closes.
      const before = waiting.findIndex((one) => one.mark === '[');
      if (before !== -1) waiting.splice(before, 1);
      waiting.push({ mark: '[', at });
    } else if (char === ']') {
      const place = waiting.findIndex((one) => one.mark === '[');
      const link = place === -1 ? undefined : linkBehind(source, at, seek);
      if (link && waiting[place]!.at + 1 < at) {
        close(place, link.end, { kind: 'link', url: link.url });
        continue;
      }
    }
    at += 1;
  }
  return pieces;
}

type Seek = (needle: string, from: number) => number;

/** Where each needle comes next, looked for once: a text of marks alone must not take time that is squared. */
function createSeeker(source: string): Seek {
  const last = new Map<string, { from: number; found: number }>();
  return (needle, from) => {
    const known = last.get(needle);
    if (known && known.from <= from && (known.found === -1 || known.found >= from)) return known.found;
    const found = source.indexOf(needle, from);
    last.set(needle, { from, found });
    return found;
  };
}

const FENCE = '```';

function blockAt(source: string, at: number, seek: Seek): Extract<Piece, { kind: 'block' }> | undefined {
  if (source.startsWith(FENCE, at)) {
    const end = seek(FENCE, at + 3);
    if (end > at + 3) {
      const inside = source.slice(at + 3, end);
      const [, language = '', text = inside] = /^([\w+#.-]{1,64})?\n([^]+)$/.exec(inside) ?? [];
      return { kind: 'block', text, style: { kind: 'pre', language }, end: end + 3 };
    }
  }
  const end = seek('`', at + 1);
  if (end <= at + 1) return undefined;
  return { kind: 'block', text: source.slice(at + 1, end), style: { kind: 'code' }, end: end + 1 };
}

/** The `(url)` right behind a "]". */
function linkBehind(source: string, at: number, seek: Seek): { url: string; end: number } | undefined {
  if (source[at + 1] !== '(') return undefined;
  const end = seek(')', at + 2);
  if (end === -1 || end - at > LONGEST_URL) return undefined;
  const url = source.slice(at + 2, end);
  return /^\S+$/.test(url) ? { url, end: end + 1 } : undefined;
}
