import { TextFormat } from '#gen/telegate/messaging/v1/messaging_pb.ts';
import type { FieldViolation } from '#lib/rpc/errors.ts';
import { oneOf } from '#lib/requests/validate.ts';
import { Api, wireLong } from '#lib/telegram/client.ts';
import { trimmed, type FormattedText, type Stretch } from './formatted.ts';
import { parseHtml } from './html.ts';
import { parseMarkdown } from './markdown.ts';

export const LONGEST_TEXT = 4_096;
export const LONGEST_CAPTION = 1_024;
/** Markup makes a text longer than what is shown of it, but not without end. */
const LONGEST_SOURCE = 8 * LONGEST_TEXT;

const FORMATS = [TextFormat.UNSPECIFIED, TextFormat.PLAIN, TextFormat.MARKDOWN, TextFormat.HTML];

/** The text that is shown and how. Telegram counts UTF-16 units: an emoji is two of them or more. */
export function readText(
  violations: FieldViolation[],
  field: string,
  source: string,
  options: { format: TextFormat; longest: number; mayBeEmpty?: boolean },
): FormattedText {
  const { format, longest, mayBeEmpty = false } = options;
  const nothing: FormattedText = { text: '', stretches: [] };
  const refuse = (description: string): FormattedText => {
    violations.push({ field, description });
    return nothing;
  };
  oneOf(violations, 'format', format, FORMATS, 'send plain, Markdown or HTML');
  if (source.length > LONGEST_SOURCE)
    return refuse(`is too long; send at most ${longest} characters, markup aside`);
  if (!source.isWellFormed()) return refuse('is not valid Unicode; send UTF-8');
  if (source.includes('\0')) return refuse('has a character of code 0; remove it');
  const read = trimmed(parse(source.replaceAll(/\r\n?/g, '\n'), format));
  if (read.text.length > longest)
    return refuse(
      `has ${read.text.length} characters as Telegram counts them (an emoji is two or more); send at most ${longest}`,
    );
  if (read.text === '' && !mayBeEmpty) return refuse('has nothing to show; send 1 to 4,096 characters');
  return read;
}

function parse(source: string, format: TextFormat): FormattedText {
  if (format === TextFormat.MARKDOWN) return parseMarkdown(source);
  return format === TextFormat.HTML ? parseHtml(source) : { text: source, stretches: [] };
}

/** Undefined when there are none: then Telegram finds links and hashtags by itself. */
export function entitiesOf({ stretches }: FormattedText): Api.TypeMessageEntity[] | undefined {
  return stretches.length === 0 ? undefined : stretches.map(entityOf);
}

function entityOf({ offset, length, style }: Stretch): Api.TypeMessageEntity {
  const at = { offset, length };
  switch (style.kind) {
    case 'bold':
      return new Api.MessageEntityBold(at);
    case 'italic':
      return new Api.MessageEntityItalic(at);
    case 'underline':
      return new Api.MessageEntityUnderline(at);
    case 'strike':
      return new Api.MessageEntityStrike(at);
    case 'spoiler':
      return new Api.MessageEntitySpoiler(at);
    case 'code':
      return new Api.MessageEntityCode(at);
    case 'quote':
      return new Api.MessageEntityBlockquote({ ...at, collapsed: style.collapsed });
    case 'pre':
      return new Api.MessageEntityPre({ ...at, language: style.language });
    case 'link':
      return new Api.MessageEntityTextUrl({ ...at, url: style.url });
    case 'emoji':
      return new Api.MessageEntityCustomEmoji({ ...at, documentId: wireLong(style.documentId) });
  }
}
