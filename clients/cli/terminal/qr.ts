import { encode } from 'uqr';

/** Light modules around the code, without which many readers find none. */
const BORDER = 2;

/**
 * Two rows a line by half blocks. With colours it is black on white whatever the terminal's own are; without, light
 * modules are drawn and dark ones left out, as fits a dark terminal.
 */
export function qrText(text: string, { coloured }: { coloured: boolean }): string {
  const { data, size } = encode(text, { ecc: 'L', border: BORDER });
  const isDark = (row: number, column: number): boolean => data[row]?.[column] === true;
  const lines: string[] = [];
  for (let row = 0; row < size; row += 2) {
    let line = '';
    for (let column = 0; column < size; column += 1) {
      const upper = isDark(row, column);
      const lower = row + 1 < size ? isDark(row + 1, column) : !coloured;
      line += coloured ? block(upper, lower) : block(!upper, !lower);
    }
    lines.push(coloured ? `\u001b[30;107m${line}\u001b[0m` : line);
  }
  return lines.join('\n');
}

function block(upper: boolean, lower: boolean): string {
  if (upper) return lower ? '█' : '▀';
  return lower ? '▄' : ' ';
}
