import { randomUUIDv7 } from 'node:crypto';
import { pino } from 'pino';
import { systemClock } from '#lib/lifecycle/clock.ts';
import { openDatabase } from '#lib/postgres/database.ts';
import { acquireLeases } from '../../../services/session-pool/leases/acquire.ts';
import type { LeaseRequest } from '../../../services/session-pool/leases/model.ts';
import { releaseLeases } from '../../../services/session-pool/leases/release.ts';
import type { Pool } from '../../../services/session-pool/pool.ts';
import type { PoolTables } from '../../../services/session-pool/tables.ts';
import { rateLine, ratioLine, type Line } from '../report.ts';
import type { Bench } from './bench.ts';
import { TENANT } from './system.ts';

const CONNECTIONS = 12;
/** As many as a batch of the service takes. */
const BATCH = 256;

/** The service's own statements, without gRPC around them: a batch a transaction against a row a transaction. */
export async function measureStore(bench: Bench): Promise<Line[]> {
  const { seconds, rounds } = bench.options;
  const system = await bench.start({ relay: 'paused' });
  const log = pino({ level: 'silent' });
  const database = openDatabase<PoolTables>({
    url: system.url,
    schema: 'session_pool',
    poolSize: CONNECTIONS,
    applicationName: 'bench',
    log,
  });
  const pool: Pool = {
    database,
    masterKeys: { current: 1, keys: new Map() },
    clock: systemClock,
    log,
    settings: { quarantineMs: 0, queueLimit: 1, shutdownGraceMs: 10_000 },
    replicaId: randomUUIDv7(),
    wakeRelay: () => undefined,
    wakeQueue: () => undefined,
  };

  /** Pairs a second of so many at once, each in transactions of so many rows. */
  async function pairsASecond(loops: number, rows: number): Promise<number> {
    const requests = Array.from({ length: rows }, request);
    const started = performance.now();
    const over = started + seconds * 1_000;
    let pairs = 0;
    const loop = async (): Promise<void> => {
      while (performance.now() < over) {
        const outcomes = await acquireLeases(pool, requests.map(request));
        const leases = outcomes.flatMap((outcome) => (outcome.kind === 'granted' ? [outcome.lease] : []));
        await releaseLeases(
          pool,
          leases.map(({ tenant_id, lease_id, fencing_token }) => ({
            tenantId: tenant_id,
            leaseId: lease_id,
            fencingToken: fencing_token,
          })),
        );
        pairs += leases.length;
      }
    };
    await Promise.all(Array.from({ length: loops }, loop));
    return (pairs * 1_000) / (performance.now() - started);
  }

  const batched: number[] = [];
  const single: number[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    // Two, as the service has one batch of acquires and one of releases under way.
    const many = await pairsASecond(2, BATCH);
    const one = await pairsASecond(CONNECTIONS, 1);
    if (round === 0) continue;
    batched.push(many);
    single.push(one);
  }
  await database.close();
  await system.stop();
  return [
    rateLine(`store alone, ${BATCH} rows a transaction`, batched),
    rateLine('store alone, one row a transaction, 12 connections', single),
    ratioLine('store: batched ÷ one row a transaction', batched, single, 5),
  ];
}

function request(): LeaseRequest {
  return {
    tenantId: TENANT,
    subject: 'key:bench',
    holder: 'bench worker',
    ttlMs: 30_000,
    selector: { sessionId: null, name: null, labels: {}, forMethod: '' },
  };
}
