import { Builder, type FormattedText, type Style } from './formatted.ts';

/*
 * The HTML that Telegram's bots take. What is no tag of it stands for itself; a tag that is not closed ends where its
 * parent ends, and one that was never opened says nothing: every text has a meaning.
 */

interface Open {
  readonly tag: string;
  readonly offset: number;
  readonly style: Style | undefined;
}

const TAG = /<(\/?)([a-z][a-z0-9-]*)((?:\s[^<>]{0,2100})?)\s*\/?>/iy;
const ENTITY = /&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(lt|gt|amp|quot|apos|nbsp));/iy;
const NAMED: Readonly<Record<string, string>> = {
  lt: '<',
  gt: '>',
  amp: '&',
  quot: '"',
  apos: "'",
  nbsp: '\u00a0',
};
const PLAIN: Readonly<Record<string, Style['kind']>> = {
  b: 'bold',
  strong: 'bold',
  i: 'italic',
  em: 'italic',
  u: 'underline',
  ins: 'underline',
  s: 'strike',
  strike: 'strike',
  del: 'strike',
  'tg-spoiler': 'spoiler',
  code: 'code',
};
/** Deeper ones add nothing that anybody could see. */
const DEEPEST = 64;

export function parseHtml(source: string): FormattedText {
  const built = new Builder();
  const open: Open[] = [];
  let at = 0;
  while (at < source.length) {
    const next = nextSpecial(source, at);
    built.text += source.slice(at, next);
    at = next;
    if (at === source.length) break;
    at = source[at] === '&' ? entity(source, at, built) : tag(source, at, built, open);
  }
  while (open.length > 0) end(built, open.pop()!);
  return built;
}

function nextSpecial(source: string, from: number): number {
  for (let at = from; at < source.length; at += 1) if (source[at] === '<' || source[at] === '&') return at;
  return source.length;
}

function entity(source: string, at: number, built: Builder): number {
  ENTITY.lastIndex = at;
  const match = ENTITY.exec(source);
  const read = match && decoded(match);
  built.text += read ?? '&';
  return read === undefined || read === null ? at + 1 : ENTITY.lastIndex;
}

function decoded([, decimal, hex, name]: RegExpExecArray): string | undefined {
  if (name !== undefined) return NAMED[name.toLowerCase()];
  const point = decimal === undefined ? Number.parseInt(hex!, 16) : Number(decimal);
  const isCharacter = point > 0 && point <= 0x10ffff && !(point >= 0xd800 && point <= 0xdfff);
  return isCharacter ? String.fromCodePoint(point) : undefined;
}

function tag(source: string, at: number, built: Builder, open: Open[]): number {
  TAG.lastIndex = at;
  const match = TAG.exec(source);
  const name = match?.[2]!.toLowerCase();
  if (!match || !isKnown(name!)) {
    built.text += '<';
    return at + 1;
  }
  const past = TAG.lastIndex;
  if (name === 'br') built.text += '\n';
  else if (match[1] === '/') close(name!, built, open);
  else if (open.length < DEEPEST)
    open.push({ tag: name!, offset: built.text.length, style: styleOf(name!, match[3]!, open) });
  return past;
}

function isKnown(name: string): boolean {
  return Object.hasOwn(PLAIN, name) || ['a', 'pre', 'span', 'blockquote', 'tg-emoji', 'br'].includes(name);
}

function close(name: string, built: Builder, open: Open[]): void {
  const place = open.findLastIndex((one) => one.tag === name);
  if (place === -1) return;
  for (const one of open.splice(place).toReversed()) end(built, one);
}

function end(built: Builder, { offset, style, tag: name }: Open): void {
  if (style) built.add(offset, style);
  else if (name === 'a') {
    // A link without an address of its own goes where its text says.
    const url = built.text.slice(offset);
    if (/^(?:https?|tg):\/\/\S+$/i.test(url)) built.add(offset, { kind: 'link', url });
  }
}

function styleOf(name: string, attributes: string, open: readonly Open[]): Style | undefined {
  if (name === 'code' && open.at(-1)?.tag === 'pre') {
    const language = /^language-([\w+#.-]{1,64})$/.exec(attribute(attributes, 'class') ?? '')?.[1];
    // Its parent shows it already; only the language is its own.
    return language === undefined ? undefined : { kind: 'pre', language };
  }
  if (Object.hasOwn(PLAIN, name)) return { kind: PLAIN[name] } as Style;
  switch (name) {
    case 'pre':
      return { kind: 'pre', language: '' };
    case 'blockquote':
      return { kind: 'quote', collapsed: /(?:^|\s)expandable(?:\s|=|$)/i.test(attributes) };
    case 'span':
      return attribute(attributes, 'class') === 'tg-spoiler' ? { kind: 'spoiler' } : undefined;
    case 'a': {
      const url = attribute(attributes, 'href')?.trim();
      return url ? { kind: 'link', url } : undefined;
    }
    case 'tg-emoji': {
      const id = attribute(attributes, 'emoji-id') ?? '';
      return /^\d{1,19}$/.test(id) ? { kind: 'emoji', documentId: BigInt.asIntN(64, BigInt(id)) } : undefined;
    }
    default:
      return undefined;
  }
}

function attribute(attributes: string, name: string): string | undefined {
  const match = new RegExp(`(?:^|\\s)${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)'|([^\\s"']+))`, 'i').exec(
    attributes,
  );
  const value = match?.[1] ?? match?.[2] ?? match?.[3];
  return value === undefined ? undefined : withoutEntities(value);
}

function withoutEntities(value: string): string {
  const built = new Builder();
  let at = 0;
  while (at < value.length) {
    if (value[at] === '&') at = entity(value, at, built);
    else {
      built.text += value[at];
      at += 1;
    }
  }
  return built.text;
}
