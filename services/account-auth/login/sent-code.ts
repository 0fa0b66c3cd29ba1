import { Api } from '#lib/telegram/client.ts';
import type { StoredCodeKind } from './tables.ts';

export interface SentCode {
  readonly phoneCodeHash: string;
  readonly kind: StoredCodeKind;
  /** 0 when Telegram does not say. */
  readonly length: number;
  /** How it would be sent next; empty when there is no other way. */
  readonly nextKind: StoredCodeKind;
  readonly nextInSeconds: number;
}

const KINDS: Readonly<Record<string, StoredCodeKind>> = {
  'auth.SentCodeTypeApp': 'app',
  'auth.SentCodeTypeSms': 'sms',
  'auth.SentCodeTypeSmsWord': 'sms',
  'auth.SentCodeTypeSmsPhrase': 'sms',
  'auth.SentCodeTypeFirebaseSms': 'sms',
  'auth.SentCodeTypeFragmentSms': 'sms',
  'auth.SentCodeTypeCall': 'call',
  'auth.SentCodeTypeFlashCall': 'call',
  'auth.SentCodeTypeMissedCall': 'call',
  'auth.SentCodeTypeEmailCode': 'email',
  'auth.CodeTypeSms': 'sms',
  'auth.CodeTypeFragmentSms': 'sms',
  'auth.CodeTypeCall': 'call',
  'auth.CodeTypeFlashCall': 'call',
  'auth.CodeTypeMissedCall': 'call',
};

/** How a code was sent; the name of what Telegram asks for instead when it sent none. */
export function readSentCode(answer: Api.auth.TypeSentCode): SentCode | { readonly instead: string } {
  if (!(answer instanceof Api.auth.SentCode)) return { instead: answer.className };
  const { type, phoneCodeHash, nextType, timeout } = answer;
  const kind = KINDS[type.className];
  if (kind === undefined) return { instead: type.className };
  const length = 'length' in type ? type.length : 0;
  const nextKind = (nextType && KINDS[nextType.className]) ?? '';
  return { phoneCodeHash, kind, length, nextKind, nextInSeconds: timeout ?? 0 };
}
