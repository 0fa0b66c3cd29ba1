import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readArguments, sharedOptions } from './arguments.ts';
import { commands } from './commands.ts';
import { commandHelp, generalHelp } from './help.ts';

const nameRead = (...argv: string[]) => {
  const call = readArguments(argv, commands);
  return 'helpFor' in call ? call.helpFor.map(({ name }) => `help ${name}`) : call.command.name;
};

test('the longest name wins; shared options may come before it', () => {
  expect(nameRead('lease')).toBe('lease');
  expect(nameRead('lease', 'revoke', 'id')).toBe('lease revoke');
  expect(nameRead('--json', '--endpoint', 'a:1', 'lease', 'revoke', 'id', '--grace', '1s')).toBe(
    'lease revoke',
  );
});

test('help by every way to ask for it', () => {
  expect(nameRead('lease', 'revoke', '-h')).toEqual(['help lease revoke']);
  expect(nameRead('help', 'lease')).toEqual(['help lease']);
  expect(nameRead('--help')).toHaveLength(commands.length);
  expect(nameRead('help')).toHaveLength(commands.length);
  expect(nameRead('sessions', '--help')).toHaveLength(7);
});

test.each(commands.flatMap(({ name, examples }) => examples.map((example) => [name, example] as const)))(
  '%s: the example %s is understood',
  (name, example) => {
    const [command] = example.split(/ [|<] /);
    const words = [...command!.matchAll(/"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2]!);
    expect(words[0]).toBe('telegate');
    expect(nameRead(...words.slice(1))).toBe(name);
  },
);

test('the commands of docs/cli.md are understood', () => {
  const written = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8');
  const calls = [...written.matchAll(/^\$ npx telegate (.+)$/gm)].map((match) => match[1]!);
  expect(calls.length).toBeGreaterThan(8);
  for (const call of calls) {
    const words = [...call.matchAll(/"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2]!);
    expect({ call, name: nameRead(...words) }).toEqual({ call, name: expect.any(String) });
  }
  // The table names every command by its first word, and its second where there is one.
  for (const { name } of commands) expect(written).toMatch(new RegExp(`\\b${name.split(' ').at(-1)}\\b`));
});

test('no two commands have one name, and none takes an option that all take', () => {
  expect(new Set(commands.map(({ name }) => name)).size).toBe(commands.length);
  const shared = Object.keys(sharedOptions);
  expect(
    commands.flatMap(({ options }) => Object.keys(options).filter((one) => shared.includes(one))),
  ).toEqual([]);
});

test('the help names every command and every option, and has examples', () => {
  for (const command of commands) {
    expect(generalHelp(commands)).toContain(`\n  ${command.name} `);
    const help = commandHelp(command);
    for (const option of Object.keys({ ...command.options, ...sharedOptions }))
      expect(help).toContain(`\n  --${option}`);
    expect(help).toMatch(/Examples:\n {2}telegate /);
  }
});
