import { PassThrough, Readable } from 'node:stream';
import { expect, test, vi } from 'vitest';
import { Interrupted } from '../interrupted.ts';
import { Misuse } from '../misuse.ts';
import { createAsk } from './ask.ts';

/** A terminal that notes whether it echoes by itself. */
function keyboard() {
  const keys = Object.assign(new PassThrough(), {
    isTTY: true,
    raw: [] as boolean[],
    setRawMode(isRaw: boolean) {
      keys.raw.push(isRaw);
    },
  });
  let shown = '';
  const stop = new AbortController();
  const interrupt = vi.fn<() => void>();
  const stderr = { write: (text: string) => (shown += text) };
  const ask = createAsk({ stdin: keys, stderr, stop: stop.signal, interrupt });
  return { keys, ask, stop, interrupt, shown: () => shown };
}

test('what is typed is shown, a password is not; the terminal is left as it was', async () => {
  const { keys, ask, shown } = keyboard();
  const code = ask('Code: ');
  keys.write('12x\u007f3\r');
  expect(await code).toBe('123');
  const password = ask('Password: ', { hidden: true });
  keys.write('s\u001b[Aécret\n');
  expect(await password).toBe('sécret');
  expect(shown()).toBe('Code: 12x\b \b3\nPassword: \n');
  expect(keys.raw).toEqual([true]);
  ask.close();
  expect(keys.raw).toEqual([true, false]);
});

test('what is typed before it is asked for is not shown; a Ctrl-C in between is one', async () => {
  const { keys, ask, shown, interrupt } = keyboard();
  const code = ask('Code: ');
  keys.write('1\rsecr');
  expect(await code).toBe('1');
  keys.write('et\r\u0003');
  await vi.waitFor(() => expect(interrupt).toHaveBeenCalledOnce());
  expect(await ask('Password: ', { hidden: true })).toBe('secret');
  expect(shown()).toBe('Code: 1\nPassword: \n');
  ask.close();
});

test('Ctrl-U takes all back, Ctrl-C and the end of the program interrupt', async () => {
  const { keys, ask, stop } = keyboard();
  const answer = ask('Code: ');
  keys.write('abc\u0015d\r');
  expect(await answer).toBe('d');
  const interrupted = ask('Code: ');
  keys.write('abc\u0003');
  await expect(interrupted).rejects.toBeInstanceOf(Interrupted);
  const stopped = ask('Code: ');
  stop.abort();
  await expect(stopped).rejects.toBeInstanceOf(Interrupted);
  await expect(ask('Code: ')).rejects.toBeInstanceOf(Interrupted);
  ask.close();
  expect(keys.raw.at(-1)).toBe(false);
});

test('piped answers are lines, the last one with or without its end; then it is said that there are no more', async () => {
  const stdin = Readable.from([Buffer.from('one\r\ntw'), Buffer.from('o')]);
  const stop = new AbortController().signal;
  const ask = createAsk({ stdin, stderr: { write: () => undefined }, stop, interrupt: () => undefined });
  expect([await ask('Code: '), await ask('Password: ')]).toEqual(['one', 'two']);
  await expect(ask('Code: ')).rejects.toBeInstanceOf(Misuse);
  ask.close();
});
