/*
 * A text with variants: `{Thanks|Thank you} for {this|the {news|update}}.` A backslash before { | } or \ takes it as
 * it is. Variants are numbered, so that each can be made from its number alone.
 */

type Part = string | readonly Sequence[];
interface Sequence {
  readonly parts: readonly Part[];
  readonly variants: bigint;
  /** In UTF-16 units, of the longest variant. */
  readonly longest: number;
}

export interface Template {
  readonly variants: bigint;
  readonly longest: number;
  /** The variant of a number from 0 to `variants` - 1. */
  render(index: bigint): string;
}

export const LONGEST_TEMPLATE = 1_000;
const DEEPEST = 5;

/** The message is for who wrote the template. */
export class TemplateFault extends Error {
  override readonly name = 'TemplateFault';
}

export function parseTemplate(source: string): Template {
  if (source.length > LONGEST_TEMPLATE)
    throw new TemplateFault(`has ${source.length} characters; send at most ${LONGEST_TEMPLATE}`);
  const reader = { source, at: 0 };
  const root = readSequence(reader, 0);
  if (reader.at < source.length)
    throw new TemplateFault(
      `has a "}" at character ${reader.at + 1} that closes nothing; write \\} for the sign`,
    );
  return { variants: root.variants, longest: root.longest, render: (index) => renderSequence(root, index) };
}

interface Reader {
  readonly source: string;
  at: number;
}

/** Up to the end, a `}`, or inside of braces a `|`. */
function readSequence(reader: Reader, depth: number): Sequence {
  const { source } = reader;
  const parts: Part[] = [];
  let literal = '';
  for (; reader.at < source.length; reader.at += 1) {
    const sign = source[reader.at]!;
    if (sign === '}' || (sign === '|' && depth > 0)) break;
    if (sign === '{') {
      if (literal !== '') parts.push(literal);
      literal = '';
      parts.push(readGroup(reader, depth + 1));
    } else if (sign === '\\' && /[{}|\\]/.test(source[reader.at + 1] ?? '')) {
      reader.at += 1;
      literal += source[reader.at];
    } else literal += sign;
  }
  if (literal !== '') parts.push(literal);
  return sequenceOf(parts);
}

function readGroup(reader: Reader, depth: number): readonly Sequence[] {
  const { source } = reader;
  const opened = reader.at + 1;
  if (depth > DEEPEST)
    throw new TemplateFault(`has more than ${DEEPEST} braces inside of each other at character ${opened}`);
  const alternatives: Sequence[] = [];
  const seen = new Set<string>();
  do {
    reader.at += 1;
    const start = reader.at;
    const alternative = readSequence(reader, depth);
    const written = source.slice(start, reader.at);
    // {a|a} is no choice.
    if (!seen.has(written)) alternatives.push(alternative);
    seen.add(written);
  } while (source[reader.at] === '|');
  if (source[reader.at] !== '}')
    throw new TemplateFault(`has a "{" at character ${opened} that is not closed; write \\{ for the sign`);
  if (alternatives.length < 2)
    throw new TemplateFault(
      `has braces without a choice at character ${opened}; write {one|another}, or \\{ and \\} for the signs`,
    );
  return alternatives;
}

function sequenceOf(parts: readonly Part[]): Sequence {
  let variants = 1n;
  let longest = 0;
  for (const part of parts) {
    if (typeof part === 'string') longest += part.length;
    else {
      variants *= variantsOf(part);
      longest += Math.max(...part.map((alternative) => alternative.longest));
    }
  }
  return { parts, variants, longest };
}

function variantsOf(alternatives: readonly Sequence[]): bigint {
  return alternatives.reduce((sum, { variants }) => sum + variants, 0n);
}

function renderSequence({ parts }: Sequence, index: bigint): string {
  let rest = index;
  let text = '';
  for (const part of parts) {
    if (typeof part === 'string') {
      text += part;
      continue;
    }
    const count = variantsOf(part);
    text += renderChoice(part, rest % count);
    rest /= count;
  }
  return text;
}

function renderChoice(alternatives: readonly Sequence[], index: bigint): string {
  let rest = index;
  for (const alternative of alternatives) {
    if (rest < alternative.variants) return renderSequence(alternative, rest);
    rest -= alternative.variants;
  }
  throw new Error(`no alternative has the number ${index}`);
}
