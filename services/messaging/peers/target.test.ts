import { expect, test } from 'vitest';
import type { FieldViolation } from '#lib/rpc/errors.ts';
import { readTarget } from './target.ts';

function read(value: string): [string, string] {
  const violations: FieldViolation[] = [];
  const target = readTarget(violations, 'peer', value);
  const [fault] = violations;
  if (fault) return ['fault', fault.description];
  return [target.kind, target.kind === 'form' ? target.form : target.name];
}

test.each([
  ['@Some_Name', 'username', '@some_name'],
  ['https://t.me/Some_Name', 'username', '@some_name'],
  ['t.me/s/Some_Name?before=3', 'username', '@some_name'],
  ['http://www.telegram.me/Some_Name/12#x', 'username', '@some_name'],
  ['tg://resolve?domain=Some_Name&post=1', 'username', '@some_name'],
  ['https://t.me/c/1234567/89', 'form', 'channel:1234567'],
  ['https://t.me/+AbCd1234', 'fault', expect.stringContaining('invite link')],
  ['https://t.me/+15550001234', 'phone', '+15550001234'],
  ['+1 (555) 000-1234', 'phone', '+15550001234'],
  ['user:5', 'form', 'user:5'],
  ['chat:5', 'form', 'chat:5'],
  ['channel:9223372036854775807', 'form', 'channel:9223372036854775807'],
  ['channel:9223372036854775808', 'fault', expect.stringContaining('too large')],
  ['user:0', 'fault', expect.stringContaining('is no peer')],
  ['user:-5', 'fault', expect.stringContaining('is no peer')],
  ['Some_Name', 'fault', expect.stringContaining('is no peer')],
  ['@a', 'fault', expect.stringContaining('is no username')],
  ['@🌵🌵🌵🌵', 'fault', expect.stringContaining('is no username')],
  ['https://t.me/joinchat/AAAA', 'fault', expect.stringContaining('invite link')],
  ['t.me/', 'fault', expect.stringContaining('is no username')],
  ['https://example.org/Some_Name', 'fault', expect.stringContaining('is no peer')],
  ['@'.repeat(300), 'fault', expect.stringContaining('too long')],
])('%s', (value, kind, name) => {
  expect(read(value)).toEqual([kind, name]);
});
