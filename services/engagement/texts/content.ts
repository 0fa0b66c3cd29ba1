import { likeness } from './likeness.ts';

/*
 * What a comment may not hold. Each check answers in plain words, as the end of "the text …", or undefined. What a
 * template says was written by the tenant; what a model says was not, so it is held to more.
 */

/** Of a comment's own text. Telegram takes 4,096 with everything; a comment of a screen is long. */
export const LONGEST_COMMENT = 1_000;
/** Of a model's. */
export const LONGEST_ANSWER = 500;

/** Emoji need the joiner, Persian and Indic words both; nothing else that is invisible is wanted. */
const INVISIBLE = /(?!\u200c|\u200d|\n)[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}]/u;
const TAG_SEQUENCES = /[\u{e0020}-\u{e007f}]+/gu;

/** Of any comment. */
export function textFault(text: string, longest: number): string | undefined {
  if (text.trim() === '') return 'is empty';
  if (text.length > longest) return `has ${text.length} characters; ${longest} are the most`;
  if (!text.isWellFormed()) return 'is not valid Unicode';
  // Flags of regions are written with tags.
  if (INVISIBLE.test(text.replaceAll(TAG_SEQUENCES, ''))) return 'has a control or an invisible character';
  return undefined;
}

const LINK =
  /\b(?:https?|ftp|tg|ton):|\bwww\.|\bt\.me\b|\b[\p{L}\p{N}-]+\.(?:com|net|org|info|io|me|ru|de|co|app|dev|xyz|ly|gg|tv|link|site|online|shop|top)\b/iu;
const MENTION = /(?:^|[^\p{L}\p{N}_])@[\p{L}\p{N}_]{2,}/u;
const HASHTAG = /(?:^|[^\p{L}\p{N}_&])#[\p{L}\p{N}_]+/u;
const EMAIL = /[^\s@]@[^\s@]+\.[^\s@]/u;
const PHONE = /(?:\+|\b00)?\d(?:[\s().\-–/]{0,2}\d){6,}/u;
const DATE = /\b\d{1,2}([./-])\d{1,2}\1(?:\d{4}|\d{2})\b|\b\d{4}-\d{2}-\d{2}\b/g;
const TOKEN =
  /\b(?:sk|pk|tgk|tgop|ghp|xox[a-z])[-_][A-Za-z0-9_-]{8,}|\beyJ[A-Za-z0-9_-]{10,}|(?=[A-Za-z+/_-]{0,64}\d)[A-Za-z0-9+/_-]{32,}/;
const MARKUP = /^```|<\/?[a-z][^>]*>|\[[^\]]*\]\([^)]*\)|^#{1,6} |\*\*[^*]+\*\*/imu;
/** How models say no, in the languages in which they do it most. */
const REFUSALS =
  /^["'“«]?\s*(?:(?:i['’]?m|i am) (?:sorry|unable|not able)|sorry,? (?:but )?i|i (?:can['’]?t|can ?not|won['’]?t) (?:help|assist|write|comply|provide|create|generate|fulfil)|as an? (?:ai|language model)|(?:es )?tut mir leid,? (?:aber )?ich kann|lo siento,? (?:pero )?no puedo|désolée?,? (?:mais )?je ne peux|извините,? (?:но )?я не могу|к сожалению,? я не могу)/iu;
const PREAMBLE = /^(?:sure|certainly|of course|here(?:['’]s| is| are))\b[^\n]{0,80}:/iu;

export interface Asked {
  /** What the model was told that is nobody else's: the instructions, the campaign's prompt. */
  readonly told: readonly string[];
  readonly post: string;
  /** Must not turn up in an answer. */
  readonly secrets: readonly string[];
}

/** Of a model's answer: what makes it no comment. */
export function answerFault(text: string, asked: Asked): string | undefined {
  return (
    textFault(text, LONGEST_ANSWER) ?? nonsense(text) ?? carries(text, asked.secrets) ?? echo(text, asked)
  );
}

function nonsense(text: string): string | undefined {
  if (!/\p{L}.*\p{L}/su.test(text)) return 'has no words';
  if (isJson(text)) return 'is JSON, not a comment';
  if (REFUSALS.test(text)) return 'is a refusal, not a comment';
  if (PREAMBLE.test(text)) return 'introduces a comment in place of being one';
  if (MARKUP.test(text)) return 'has markup';
  if (text.split('\n').length > 5) return 'has more than 5 lines';
  return undefined;
}

function isJson(text: string): boolean {
  if (!/^[[{"]/.test(text)) return false;
  try {
    return typeof JSON.parse(text) === 'object';
  } catch {
    return /^[[{]\s*["{[]/.test(text);
  }
}

function carries(text: string, secrets: readonly string[]): string | undefined {
  if (secrets.some((secret) => secret !== '' && text.includes(secret)) || TOKEN.test(text))
    return 'has what looks like a secret';
  if (EMAIL.test(text)) return 'has an e-mail address';
  if (LINK.test(text)) return 'has a link';
  if (MENTION.test(text)) return 'mentions somebody';
  if (HASHTAG.test(text)) return 'has a hashtag';
  if (PHONE.test(text.replaceAll(DATE, ' date '))) return 'has a phone number';
  return undefined;
}

/** So many words in a row are no chance. */
const ECHOED_WORDS = 8;

function echo(text: string, { told, post }: Asked): string | undefined {
  if (told.some((one) => sharesRun(text, one))) return 'repeats what the model was asked';
  const said = likeness(text);
  if (said === likeness(post) || sharesRun(text, post)) return 'repeats the post';
  return undefined;
}

function sharesRun(text: string, other: string): boolean {
  const words = likeness(text).split(' ');
  const within = ` ${likeness(other)} `;
  for (let start = 0; start + ECHOED_WORDS <= words.length; start += 1)
    if (within.includes(` ${words.slice(start, start + ECHOED_WORDS).join(' ')} `)) return true;
  return false;
}

/** Blanks, line breaks and quotes that models put around what they say. */
export function tidied(answer: string): string {
  const text = answer
    .replaceAll(/\r\n?/g, '\n')
    .replaceAll(/[^\S\n]+/gu, ' ')
    .replaceAll(/ ?\n ?(?:\n ?)*/g, '\n')
    .trim();
  const quoted = /^(?:"([^"]*)"|“([^”]*)”|«([^»]*)»|„([^“]*)“)$/su.exec(text);
  return (quoted?.slice(1).find((inner) => inner !== undefined) ?? text).trim();
}
