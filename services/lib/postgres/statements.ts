import { createHash } from 'node:crypto';

export interface Statement {
  /** The same text has the same name everywhere, so that the server's own statistics can be matched. */
  readonly name: string;
  /** For spans: operation and tables, never a literal. */
  readonly summary: string;
}

/** Statements are written in code, so few; a bound keeps generated ones from filling the memory. */
const REMEMBERED = 2_000;
const remembered = new Map<string, Statement>();

export function statementOf(text: string): Statement {
  const known = remembered.get(text);
  if (known) return known;
  const statement = {
    name: `s_${createHash('sha256').update(text).digest('base64url').slice(0, 20)}`,
    summary: summarise(text),
  };
  if (remembered.size < REMEMBERED) remembered.set(text, statement);
  return statement;
}

const MAX_SUMMARY = 120;
const TABLE = '("?[a-z_][a-z0-9_$]*"?(?:\\."?[a-z_][a-z0-9_$]*"?)?)';
const MENTION = new RegExp(
  `\\b(?:(insert)\\s+into\\s+${TABLE}|(update)\\s+(?:only\\s+)?${TABLE}\\s+(?:as\\s+|set\\b|"?[a-z_]\\w*"?\\s+set\\b)` +
    `|(delete)\\s+from\\s+(?:only\\s+)?${TABLE}|(merge)\\s+into\\s+${TABLE}|(select)\\b|(?:from|join)\\s+(?:only\\s+)?${TABLE}(?![\\w$]|\\s*\\())`,
  'gi',
);

/** `WITH x AS (UPDATE leases …) INSERT INTO outbox …` becomes `UPDATE leases INSERT outbox`. */
export function summarise(text: string): string {
  const bare = text
    .replace(/--[^\n]*/g, ' ')
    .replace(/\/\*[\s\S]*?\*\//g, ' ')
    .replace(/'(?:[^']|'')*'/g, "''");
  const first = /^\s*\(*\s*([a-z]+)/i.exec(bare)?.[1]?.toUpperCase() ?? 'QUERY';
  if (!['WITH', 'SELECT', 'INSERT', 'UPDATE', 'DELETE', 'MERGE'].includes(first)) return first;
  const expressions = new Set(
    [
      ...bare.matchAll(
        /(?:\bwith\s+(?:recursive\s+)?|,\s*)"?([a-z_]\w*)"?\s*(?:\([^)]*\)\s*)?as\s+(?:(?:not\s+)?materialized\s+)?\(/gi,
      ),
    ].map((match) => match[1]?.toLowerCase()),
  );
  const words: string[] = [];
  for (const match of bare.matchAll(MENTION)) {
    const [verb, table] = match.slice(1).filter((part) => part !== undefined);
    const isVerb = /^(insert|update|delete|merge|select)$/i.test(verb ?? '');
    const name = (isVerb ? table : verb)?.replaceAll('"', '');
    const known = name !== undefined && !expressions.has(name.toLowerCase());
    if (isVerb && verb?.toLowerCase() !== 'select') {
      if (known) words.push(verb?.toUpperCase() ?? '', name);
    } else if (isVerb) {
      if (words.length === 0) words.push('SELECT');
    } else if (known && !words.includes(name)) {
      words.push(name);
    }
  }
  const summary = words.join(' ') || first;
  return summary.length > MAX_SUMMARY ? `${summary.slice(0, MAX_SUMMARY - 1)}…` : summary;
}
