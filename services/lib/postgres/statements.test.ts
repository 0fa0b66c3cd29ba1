import { expect, test } from 'vitest';
import { statementOf, summarise } from './statements.ts';

test.each([
  ['select * from sessions where id = $1', 'SELECT sessions'],
  ['select "name" from "sessions" as s join "leases" l on true', 'SELECT sessions leases'],
  ['select clock_timestamp()', 'SELECT'],
  ['insert into "outbox" ("id") select * from unnest($1::uuid[])', 'INSERT outbox'],
  ['UPDATE session_pool.leases SET a = $1', 'UPDATE session_pool.leases'],
  ['update leases l set a = 1 from waits w where true', 'UPDATE leases waits'],
  ['delete from leases where id in (select id from old)', 'DELETE leases old'],
  [
    'with due as (update leases set a = 1 returning *), gone as materialized (delete from claims returning *) insert into outbox select * from due, gone',
    'UPDATE leases DELETE claims INSERT outbox',
  ],
  ['select id from leases for update skip locked', 'SELECT leases'],
  ['begin', 'BEGIN'],
  ['start transaction isolation level read committed', 'START'],
  ["-- from secrets\nselect 'from hidden' /* from hidden */ from shown", 'SELECT shown'],
])('%s', (text, summary) => {
  expect(summarise(text)).toBe(summary);
});

test('no literal gets into a summary, and none is long', () => {
  const text = `select ${Array.from({ length: 50 }, (_, n) => `'canary' from table_${n}`).join(' union select ')}`;
  expect(summarise(text)).not.toContain('canary');
  expect(summarise(text).length).toBeLessThanOrEqual(120);
});

test('names differ by text and fit into what the server takes', () => {
  const one = statementOf('select $1').name;
  expect(statementOf('select $1').name).toBe(one);
  expect(statementOf('select $2').name).not.toBe(one);
  expect(one.length).toBeLessThan(50);
});
