import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import { Misuse } from './misuse.ts';

export type InputStream = AsyncIterable<unknown> & { readonly isTTY?: boolean };

export const STANDARD_INPUT = '-';

/** A file, or the standard input for `-`; what is larger than `maxBytes` is refused, not read on. */
export async function readInput(
  path: string,
  { maxBytes, cwd, stdin }: { maxBytes: number; cwd: string; stdin: InputStream },
): Promise<Buffer> {
  const name = path === '-' ? 'the standard input' : path;
  if (path === '-' && stdin.isTTY === true)
    throw new Misuse(
      '- reads the standard input, and that is this terminal: pipe something in, or name a file.',
    );
  const source = path === '-' ? stdin : createReadStream(resolve(cwd, path));
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of source) {
      chunks.push(chunk as Buffer);
      size += (chunk as Buffer).length;
      if (size > maxBytes)
        throw new Misuse(`${name} has more than ${maxBytes} bytes, the most that is taken.`);
    }
  } catch (error) {
    if (error instanceof Misuse) throw error;
    throw new Misuse(`${name} can not be read: ${(error as NodeJS.ErrnoException).code ?? String(error)}.`);
  }
  if (size === 0) throw new Misuse(`${name} is empty.`);
  return Buffer.concat(chunks);
}
