/**
 * What a line is about, for who selects lines. The list is closed; the particular thing that happened is the line's
 * `event`, a snake_case name that does not change.
 */
export const logKinds = [
  /** A call that was answered here: method, code, duration, whose. */
  'request',
  /** Who somebody is: logins, keys and tokens, and what was refused for lack of them. */
  'auth',
  /** Something that went out to Telegram in an account's name, never what it says. */
  'send',
  /** What happened to sessions, leases, accounts, proxies and campaigns: each event that is published. */
  'business',
  /** What operators did with rights that others lack. */
  'audit',
  /** What should not have happened. */
  'error',
  /** How the process itself does: starts, waits, connections, housekeeping. */
  'process',
] as const;

export type LogKind = (typeof logKinds)[number];

const KNOWN: ReadonlySet<unknown> = new Set(logKinds);

export function isLogKind(name: unknown): name is LogKind {
  return KNOWN.has(name);
}
