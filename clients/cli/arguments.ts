import { parseArgs } from 'node:util';
import type { Command, OptionSpecs, Values } from './command.ts';
import { Misuse } from './misuse.ts';

/** What every command takes. */
export const sharedOptions = {
  endpoint: {
    type: 'string',
    value: 'HOST:PORT,…',
    doc: 'the mesh; several are tried in turn; https://… for TLS (TELEGATE_ENDPOINT)',
  },
  'api-key-file': {
    type: 'string',
    value: 'PATH',
    doc: 'a file with the API key (TELEGATE_API_KEY holds one)',
  },
  'mesh-file': {
    type: 'string',
    value: 'PATH',
    doc: 'what npm start wrote (default: .telegate/mesh.json here or above)',
  },
  json: { type: 'boolean', doc: 'JSON: one document, or one a line where things go on happening' },
  help: { type: 'boolean', doc: 'this text' },
} as const satisfies OptionSpecs;

export interface Call {
  command: Command;
  values: Values<OptionSpecs>;
  shared: Values<typeof sharedOptions>;
  operands: readonly string[];
}

/** The command that is meant; undefined for the general help. Shared options may come before its name. */
export function readArguments(
  argv: readonly string[],
  commands: readonly Command[],
): Call | { helpFor: readonly Command[] } {
  const { leading, words } = split(argv);
  const isHelp = words[0] === 'help';
  const wanted = isHelp ? words.slice(1) : words;
  const command = longestMatch(wanted, commands);
  if (command === undefined) {
    const under = commands.filter(({ name }) => wanted[0] !== undefined && name.startsWith(`${wanted[0]} `));
    if (isHelp || leading.includes('--help') || leading.includes('-h') || wanted.includes('--help'))
      return { helpFor: under.length > 0 ? under : commands };
    throw unknownCommand(wanted, under);
  }
  if (isHelp) return { helpFor: [command] };
  try {
    return readCall(command, [...leading, ...wanted.slice(command.name.split(' ').length)]);
  } catch (error) {
    if (error instanceof Misuse) error.command = command.name;
    throw error;
  }
}

function readCall(command: Command, args: string[]): Call | { helpFor: readonly Command[] } {
  const options = { ...command.options, ...sharedOptions, help: { ...sharedOptions.help, short: 'h' } };
  let parsed: { values: Record<string, unknown>; positionals: string[] };
  try {
    parsed = parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    throw new Misuse(parseProblem(error));
  }
  const values = parsed.values as Values<OptionSpecs>;
  const shared = parsed.values as Call['shared'];
  if (shared.help === true) return { helpFor: [command] };
  checkOperands(command, parsed.positionals);
  return { command, values, shared, operands: parsed.positionals };
}

/** Shared options before the first word, with their values, and everything from that word on. */
function split(argv: readonly string[]): { leading: string[]; words: string[] } {
  let at = 0;
  while (at < argv.length && argv[at]!.startsWith('-')) {
    const spec = (sharedOptions as OptionSpecs)[argv[at]!.slice(2)];
    at += spec?.type === 'string' ? 2 : 1;
  }
  return { leading: argv.slice(0, at), words: argv.slice(at) };
}

function longestMatch(words: readonly string[], commands: readonly Command[]): Command | undefined {
  return commands
    .filter(({ name }) => name.split(' ').every((part, index) => words[index] === part))
    .toSorted((one, other) => other.name.length - one.name.length)[0];
}

function unknownCommand(words: readonly string[], under: readonly Command[]): Misuse {
  if (words.length === 0) return new Misuse('Say what to do.');
  if (under.length === 0) return new Misuse(`There is no command ${word(words[0]!)}.`);
  const choices = under.map(({ name }) => name).join(', ');
  return new Misuse(
    words[1] === undefined || words[1].startsWith('-')
      ? `${words[0]} needs to know more: ${choices}.`
      : `There is no command ${words[0]} ${word(words[1])}; there are ${choices}.`,
  );
}

/** Only what looks like a word is repeated. */
function word(text: string): string {
  return /^[a-z-]{1,20}$/.test(text) ? `"${text}"` : 'of this name';
}

function parseProblem(error: unknown): string {
  const text = (error as Error).message.split(/\n|\. /)[0]!;
  if (/'--(api-)?key'/.test(text))
    return 'A key is not given on the command line, where everybody on this machine can read it: set TELEGATE_API_KEY, or use --api-key-file.';
  return `${text.replace(/\.$/, '')}.`;
}

function checkOperands({ name, operands }: Command, given: readonly string[]): void {
  const isOpen = /…\]?$/.test(operands.at(-1) ?? '');
  const required = operands.filter((operand) => !operand.startsWith('[')).length;
  if (given.length >= required && (isOpen || given.length <= operands.length)) return;
  const usage = `telegate ${[name, ...operands].join(' ')}`;
  if (given.length < required) throw new Misuse(`${operands[given.length]} is missing: ${usage}.`);
  throw new Misuse(
    operands.length === 0
      ? `telegate ${name} takes nothing but options.`
      : `That is more than is taken: ${usage}.`,
  );
}
