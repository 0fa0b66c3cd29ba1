const characters = new Intl.Segmenter();

/** Columns as wide as their widest cell; no lines around them, so that they can be cut and searched. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const shown = [header, ...rows].map((row) => row.map(plain));
  const widths = header.map((_, column) => Math.max(...shown.map((row) => width(row[column] ?? ''))));
  return shown
    .map((row) =>
      row
        .map((cell, column) => padded(cell, widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Names and values, one a line. */
export function sheet(rows: readonly (readonly [string, string])[]): string {
  const widest = Math.max(...rows.map(([name]) => width(name)));
  return rows.map(([name, value]) => `${padded(name, widest)}  ${plain(value)}`.trimEnd()).join('\n');
}

/** Text of others can hold the terminal's own commands; shown, they do nothing. */
export function plain(text: string): string {
  return text.replaceAll(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]/gu, '�');
}

function padded(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - width(text)));
}

function width(text: string): number {
  let count = 0;
  for (const _ of characters.segment(text)) count += 1;
  return count;
}
