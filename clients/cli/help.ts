import type { Command, OptionSpecs } from './command.ts';
import { sharedOptions } from './arguments.ts';

const EXIT_CODES = `Exit codes: 0 done, 1 refused or failed, 2 misuse, 3 the mesh cannot be reached,
4 no free session, 5 not now (a flood wait, a limit, an outage), 130 interrupted.`;

export function generalHelp(commands: readonly Command[]): string {
  return [
    'telegate: Telegram accounts, their sessions and messages, from the command line.',
    '',
    ...commandLines(commands),
    '',
    'With every command:',
    ...optionLines(sharedOptions),
    '',
    EXIT_CODES,
    'Examples: telegate COMMAND --help',
  ].join('\n');
}

export function commandHelp(command: Command): string {
  const { summary, detail, options, examples } = command;
  const hasOptions = Object.keys(options).length > 0;
  return [
    `telegate ${usageOf(command)}${hasOptions ? ' [options]' : ''}: ${summary}.`,
    ...(detail === undefined ? [] : ['', detail]),
    ...(hasOptions ? ['', 'Options:', ...optionLines(options)] : []),
    '',
    'With every command:',
    ...optionLines(sharedOptions),
    '',
    'Examples:',
    ...examples.map((example) => `  ${example}`),
    '',
    EXIT_CODES,
  ].join('\n');
}

/** What belongs together stands together. */
function commandLines(commands: readonly Command[]): string[] {
  const lines = columns(commands.map((one): [string, string] => [usageOf(one), one.summary]));
  const firstWord = (index: number): string | undefined => commands[index]?.name.split(' ')[0];
  const isGroup = (index: number): boolean => firstWord(index) === firstWord(index + 1);
  return lines.flatMap((line, index) => {
    const begins = index > 0 && firstWord(index) !== firstWord(index - 1);
    return begins && (isGroup(index) || isGroup(index - 2)) ? ['', line] : [line];
  });
}

function usageOf({ name, operands }: Command): string {
  return [name, ...operands].join(' ');
}

function optionLines(options: OptionSpecs): string[] {
  return columns(
    Object.entries(options).map(([name, { value, doc, multiple }]) => [
      `--${name}${value === undefined ? '' : ` ${value}`}${multiple === true ? ' …' : ''}`,
      doc,
    ]),
  );
}

function columns(rows: readonly [string, string][]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}
