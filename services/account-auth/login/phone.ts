import type { FieldViolation } from '#lib/rpc/errors.ts';

/** Longer than any number with everything that people write into it. */
const LONGEST_SPELLING = 64;
const E164 = /^\+[1-9]\d{6,14}$/;
/** Blanks of all widths, marks of direction, dots, dashes, brackets and slashes. */
const ORNAMENT = /[\s.()[\]/\u00b7\u2212\p{Pd}\p{Cf}]+/gu;
const TRUNK_ZERO = /\(\s*0\s*\)/u;

/** The number in E.164, however it was spelt; the country code must be there. */
export function phoneNumber(violations: FieldViolation[], field: string, value: string): string {
  const before = violations.length;
  const refuse = (description: string): void => void violations.push({ field, description });
  if (value === '') refuse('is missing; send a number like +15550000001');
  else if (value.length > LONGEST_SPELLING)
    refuse(`is longer than ${LONGEST_SPELLING} characters; send a number like +15550000001`);
  if (violations.length > before) return '';
  const number = plain(value);
  if (E164.test(number)) return number;
  if (number.startsWith('0') || number.startsWith('+0'))
    refuse('has no country code; send a number like +15550000001');
  else refuse('is no phone number; send one like +15550000001, with its country code');
  return '';
}

function plain(value: string): string {
  const latin = value.normalize('NFKC').trim().replace(/^tel:/i, '');
  // +49 (0) 171 … says how to dial inside the country and how from outside.
  const international = /^(?:\+|00)/.test(latin.replace(ORNAMENT, ''))
    ? latin.replace(TRUNK_ZERO, '')
    : latin;
  const digits = asciiDigits(international.replace(ORNAMENT, ''));
  if (digits.startsWith('00')) return `+${digits.slice(2)}`;
  return /^[1-9]/.test(digits) ? `+${digits}` : digits;
}

/** Arabic-Indic and its like: each script has its ten digits in a row. */
function asciiDigits(text: string): string {
  return text.replace(/\p{Nd}/gu, (digit) => {
    const code = digit.codePointAt(0)!;
    if (code < 0x80) return digit;
    let zero = code;
    while (code - zero < 9 && /\p{Nd}/u.test(String.fromCodePoint(zero - 1))) zero -= 1;
    return String(code - zero);
  });
}
