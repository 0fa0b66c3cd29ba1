import type { Field } from '#lib/config/config.ts';
import { field } from '#lib/config/config.ts';

/*
 * Every comment of a campaign says that it is automated and for whom. There is no switch for it: the line has a
 * default, can be worded, and can not be emptied; and what is sent goes through `checkDisclosed`.
 */

const LEAST_LETTERS = 12;
const LONGEST_LINE = 200;
const DEFAULT_LINE = 'This comment is automated and posted on behalf of this channel.';
const SEPARATOR = '\n\n';

/** Text that ends with the disclosure line; made by `disclosed` alone. */
export type DisclosedText = string & { readonly disclosed: unique symbol };

export const disclosureLine: Field<string> = field('DISCLOSURE_LINE', {
  doc: `Ends every comment of a campaign: one line that says that the comment is automated and for whom, with at least ${LEAST_LETTERS} letters.`,
  defaultText: DEFAULT_LINE,
  read: (raw) => {
    const line = raw.trim();
    const fault = lineFault(line);
    if (fault !== undefined) throw new Error(fault);
    return line;
  },
  unset: () => DEFAULT_LINE,
});

function lineFault(line: string): string | undefined {
  if (/\p{Cc}|\p{Zl}|\p{Zp}/u.test(line))
    return 'has a line break or another control character; send one line';
  // Persian and Indic words are joined and parted by two of them.
  if (/(?!\u200c|\u200d)\p{Cf}/u.test(line))
    return 'has an invisible character; write it out of characters that are seen';
  if (line.length > LONGEST_LINE)
    return `is ${line.length} characters long; at most ${LONGEST_LINE} are allowed`;
  const letters = line.match(/\p{L}/gu)?.length ?? 0;
  if (letters < LEAST_LETTERS)
    return `has ${letters} letters; it needs at least ${LEAST_LETTERS}, to say that comments are automated and for whom`;
  return undefined;
}

/** What the line takes of a message's length. */
export function disclosureLength(line: string): number {
  return SEPARATOR.length + line.length;
}

/** The comment as it is sent. */
export function disclosed(body: string, line: string): DisclosedText {
  const text = `${body.trim()}${SEPARATOR}${line}`;
  checkDisclosed(text, line);
  return text;
}

/** A fault of ours: nothing that a caller sends leads here. */
export class NotDisclosed extends Error {
  override readonly name = 'NotDisclosed';

  constructor(problem: string) {
    super(`A comment was held back: ${problem}.`);
  }
}

/** Of a text that was kept: the line may have been worded anew since. */
export function isDisclosed(text: string, line: string): text is DisclosedText {
  return disclosureFault(text, line) === undefined;
}

/** To be called by whatever hands a comment to messaging, last of all. */
export function checkDisclosed(text: string, line: string): asserts text is DisclosedText {
  const fault = disclosureFault(text, line);
  if (fault !== undefined) throw new NotDisclosed(fault);
}

function disclosureFault(text: string, line: string): string | undefined {
  const fault = lineFault(line);
  if (fault !== undefined) return `the disclosure line ${fault}`;
  if (!text.endsWith(`${SEPARATOR}${line}`)) return 'it does not end with the disclosure line';
  return text.length === disclosureLength(line) ? 'it says nothing' : undefined;
}
