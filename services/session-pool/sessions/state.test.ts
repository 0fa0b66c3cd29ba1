import * as fc from 'fast-check';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SessionState } from '#gen/telegate/session_pool/v1/session_pb.ts';
import { availableTime, sessionState, type StateColumns } from './model.ts';
import { availableTimeSql, stateSql } from './state-sql.ts';
import { openTestPool, QUARANTINE_MS, type TestPool } from './test-pool.ts';

let pool: TestPool;

beforeAll(async () => {
  pool = await openTestPool();
});

afterAll(() => pool.close());

const NOW = Date.UTC(2026, 0, 1);

const free: StateColumns = {
  condition: 0,
  paused: false,
  lease_id: null,
  credentials: null,
  file_quarantine_ms: null,
  expire_time: null,
  drain_time: null,
  claim_expire_time: null,
  quarantine_end_time: null,
  wait_end_time: null,
};
const at = (offsetMs: number): Date => new Date(NOW + offsetMs);
const leased: StateColumns = { ...free, lease_id: 'some', credentials: false, expire_time: at(20_000) };

test.each<[string, StateColumns, SessionState, number | undefined]>([
  ['free', free, SessionState.FREE, undefined],
  ['leased', leased, SessionState.LEASED, 20_000],
  ['overdue', { ...leased, expire_time: at(-1) }, SessionState.LEASED, 0],
  ['draining', { ...leased, drain_time: at(5_000) }, SessionState.LEASED, 5_000],
  ['drained late', { ...leased, drain_time: at(50_000) }, SessionState.LEASED, 20_000],
  ['leased with key', { ...leased, credentials: true }, SessionState.LEASED, 20_000 + QUARANTINE_MS],
  ['leased with file', { ...leased, file_quarantine_ms: 700 }, SessionState.LEASED, 20_700],
  ['leased and claimed', { ...leased, claim_expire_time: at(25_000) }, SessionState.LEASED, 25_000],
  ['closing', { ...free, claim_expire_time: at(1) }, SessionState.CLOSING, 1],
  ['closed just now', { ...free, claim_expire_time: at(0) }, SessionState.FREE, undefined],
  ['paused', { ...free, paused: true, wait_end_time: at(9) }, SessionState.PAUSED, undefined],
  ['paused, leased', { ...leased, paused: true }, SessionState.LEASED, undefined],
  ['paused, closing', { ...free, paused: true, claim_expire_time: at(9) }, SessionState.CLOSING, undefined],
  ['paused, banned', { ...free, paused: true, condition: 4 }, SessionState.BANNED, undefined],
  ['quarantined', { ...free, quarantine_end_time: at(9) }, SessionState.QUARANTINED, 9],
  [
    'quarantined, waits',
    { ...free, quarantine_end_time: at(9), wait_end_time: at(99) },
    SessionState.QUARANTINED,
    99,
  ],
  ['waits', { ...free, wait_end_time: at(9) }, SessionState.FLOOD_WAIT, 9],
  ['invalid', { ...leased, condition: 1 }, SessionState.INVALID, undefined],
  ['needs login', { ...leased, condition: 2 }, SessionState.NEEDS_LOGIN, undefined],
  ['frozen', { ...leased, condition: 3 }, SessionState.FROZEN, undefined],
  ['banned', { ...free, condition: 4, wait_end_time: at(9) }, SessionState.BANNED, undefined],
  ['leaving, leased', { ...leased, condition: 5 }, SessionState.LEASED, undefined],
  ['leaving, closing', { ...free, condition: 5, claim_expire_time: at(9) }, SessionState.CLOSING, undefined],
  ['leaving', { ...free, condition: 5, quarantine_end_time: at(9) }, SessionState.INVALID, undefined],
])('%s', (_, columns, state, availableIn) => {
  expect(sessionState(columns, at(0))).toBe(state);
  const available = availableTime(columns, at(0), QUARANTINE_MS);
  expect(available && available.getTime() - NOW).toBe(availableIn);
});

/** Around the moment that decides, in microseconds: the database keeps what JavaScript cuts off. */
const micros = fc.oneof(
  fc.integer({ min: -2_000, max: 2_000 }),
  fc.integer({ min: -60_000_000, max: 60_000_000 }),
);
const maybe = fc.option(micros);

const rows = fc.record({
  condition: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.integer({ min: 0, max: 5 })),
  paused: fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, fc.boolean()),
  leased: fc.boolean(),
  credentials: fc.boolean(),
  file: fc.option(fc.nat(100_000)),
  expire: micros,
  drain: maybe,
  claim: maybe,
  quarantine: maybe,
  wait: maybe,
});

test('SQL says the same as the pure rules', async () => {
  const sample = fc.sample(rows, 3_000);
  const moment = sql<Date>`${new Date(NOW)}::timestamptz`;
  const time = (name: string) => sql`${moment} + ${sql.ref(name)} * interval '1 microsecond'`;
  const { rows: answers } = await sql<StateColumns & { state: SessionState; available: Date | null }>`
    with slots as materialized (
      select condition, paused,
        case when leased then gen_random_uuid() end as lease_id,
        case when leased then credentials end as credentials,
        case when leased and not credentials then file end as file_quarantine_ms,
        case when leased then ${time('expire')} end as expire_time,
        case when leased then ${time('drain')} end as drain_time,
        ${time('claim')} as claim_expire_time,
        ${time('quarantine')} as quarantine_end_time,
        ${time('wait')} as wait_end_time
      from json_to_recordset(${JSON.stringify(sample)}::json) as given (condition smallint, paused boolean, leased boolean,
        credentials boolean, file integer, expire float8, drain float8, claim float8, quarantine float8, wait float8)
    )
    select *, ${stateSql(moment)} as state, ${availableTimeSql(moment, QUARANTINE_MS)} as available
    from slots`.execute(pool.database.kysely);
  expect(answers).toHaveLength(sample.length);
  const seen = new Set<SessionState>();
  for (const { state, available, ...columns } of answers) {
    seen.add(state);
    expect({ columns, state, available }).toEqual({
      columns,
      state: sessionState(columns, at(0)),
      available: availableTime(columns, at(0), QUARANTINE_MS) ?? null,
    });
  }
  expect(seen.size).toBe(10);
});
