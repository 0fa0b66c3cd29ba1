import type { FieldViolation } from '#lib/rpc/errors.ts';
import type { PeerForm } from '../messages.ts';

/** Whom a caller means. */
export type Target =
  | { readonly kind: 'form'; readonly form: PeerForm }
  /** `@name` in small letters. */
  | { readonly kind: 'username'; readonly name: string }
  /** In E.164, with its plus. */
  | { readonly kind: 'phone'; readonly name: string };

const LONGEST = 256;
const FORM = /^(user|chat|channel):([1-9]\d{0,18})$/;
const USERNAME = /^[a-z][a-z0-9_]{3,31}$/i;
const PHONE = /^\+[1-9]\d{6,14}$/;
const LINK = /^(?:https?:\/\/)?(?:www\.)?(?:t\.me|telegram\.me|telegram\.dog)\//i;
const LARGEST_ID = 2n ** 63n - 1n;

const HOW =
  'send "@username", a phone such as "+15550001", a t.me link, or "user:…", "chat:…" or "channel:…" as Peer.peer gives it';

/** Anything is taken in; what is no target becomes a violation and stands for nobody. */
export function readTarget(violations: FieldViolation[], field: string, value: string): Target {
  const read = value.length > LONGEST ? `is too long; ${HOW}` : targetOf(value.trim());
  if (typeof read !== 'string') return read;
  violations.push({ field, description: read });
  return { kind: 'form', form: 'user:0' };
}

function targetOf(value: string): Target | string {
  if (value === '') return `is missing; ${HOW}`;
  if (value.startsWith('@')) return named(value.slice(1));
  if (value.startsWith('+')) {
    const digits = `+${value.slice(1).replaceAll(/[\s().-]/g, '')}`;
    return PHONE.test(digits)
      ? { kind: 'phone', name: digits }
      : 'is no phone; send it in E.164: "+", then 7 to 15 digits';
  }
  if (FORM.test(value)) return ofForm(value);
  const link = LINK.exec(value);
  if (link) return linked(value.slice(link[0].length));
  const domain = /^tg:\/\/resolve\/?\?(?:.*&)?domain=([^&]+)/i.exec(value);
  return domain ? named(domain[1]!) : `is no peer; ${HOW}`;
}

function named(name: string): Target | string {
  return USERNAME.test(name)
    ? { kind: 'username', name: `@${name.toLowerCase()}` }
    : 'is no username; one has 4 to 32 letters, digits and underscores, and begins with a letter';
}

function ofForm(form: string): Target | string {
  const id = BigInt(form.slice(form.indexOf(':') + 1));
  return id <= LARGEST_ID
    ? { kind: 'form', form: form as PeerForm }
    : 'has an id that is too large; send it as Peer.peer gave it';
}

const INVITED =
  'is an invite link; join the chat with the account in a Telegram app, then name it as ListDialogs gives it';

/** What stands behind `t.me/`: a message's number in it is passed over. */
function linked(rest: string): Target | string {
  const [path = ''] = rest.split(/[?#]/, 1);
  const [first = '', second = ''] = path.split('/');
  if (first.startsWith('+')) return PHONE.test(first) ? { kind: 'phone', name: first } : INVITED;
  if (/^joinchat$/i.test(first)) return INVITED;
  if (first === 'c')
    return FORM.test(`channel:${second}`) ? ofForm(`channel:${second}`) : `is no peer; ${HOW}`;
  return named(first === 's' ? second : first);
}

export function isPeerForm(value: string): value is PeerForm {
  return FORM.test(value);
}
