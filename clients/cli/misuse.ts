/** What the caller has to write otherwise. Its text never repeats a value that may be a key. */
export class Misuse extends Error {
  override readonly name = 'Misuse';
  /** The command whose --help explains it. */
  command: string | undefined;
}
