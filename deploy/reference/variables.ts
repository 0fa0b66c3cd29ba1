import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Field, Fields } from '#lib/config/config.ts';
import { services } from '../local/registry.ts';

const OPERATIONS = join(import.meta.dirname, '../../docs/operations.md');
const BEGIN = '<!-- variables: written by node deploy/reference/variables.ts -->\n';
const END = '<!-- end of the variables -->\n';

interface Row {
  readonly field: Field<unknown>;
  readonly processes: string[];
}

/** Processes that share a variable share its row, where it means the same to them. */
export async function variablesTable(): Promise<string> {
  const rows = new Map<string, Row>();
  const names = [...services.map(({ name }) => name), 'local-telegram'];
  for (const name of new Set(names)) {
    const { fields } = (await import(`../../services/${name}/config.ts`)) as { fields: Fields };
    for (const field of Object.values(fields)) {
      const key = [field.variable, field.doc, field.defaultText].join('\n');
      const row = rows.get(key) ?? { field, processes: [] };
      row.processes.push(name);
      rows.set(key, row);
    }
  }
  const sorted = [...rows.values()].toSorted((a, b) => (a.field.variable < b.field.variable ? -1 : 1));
  const lines = sorted.map(({ field, processes }) => {
    const isEverywhere = processes.length === new Set(names).size;
    const unset = field.secret ? 'unset' : (field.defaultText ?? '');
    const byDefault = field.defaultText === undefined ? 'must be set' : `\`${unset}\``;
    const who = isEverywhere ? 'all' : processes.join(', ');
    return `| \`${field.variable}\` | ${who} | ${byDefault} | ${field.doc.replaceAll('|', '\\|')} |`;
  });
  return `| variable | processes | default | meaning |\n| --- | --- | --- | --- |\n${lines.join('\n')}\n`;
}

export function tableInDocument(text = readFileSync(OPERATIONS, 'utf8')): string {
  return text.slice(text.indexOf(BEGIN) + BEGIN.length, text.indexOf(END)).trim();
}

if (import.meta.main) {
  const text = readFileSync(OPERATIONS, 'utf8');
  const [before] = text.split(BEGIN);
  const [, after] = text.split(END);
  if (before === undefined || after === undefined)
    throw new Error('docs/operations.md lacks its two markers');
  writeFileSync(OPERATIONS, `${before}${BEGIN}\n${await variablesTable()}\n${END}${after}`);
}
