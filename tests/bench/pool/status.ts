import { create, toBinary } from '@bufbuild/protobuf';
import { GetPoolStatusRequestSchema } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import type { Line } from '../report.ts';
import { median } from '../statistics.ts';
import type { Bench } from './bench.ts';
import { openClient, paths } from './client.ts';
import { startEcho } from './echo.ts';

const CALLS = 1_000;

/** One call at a time, the pool's and the echo's in turn. */
export async function measureStatus(bench: Bench): Promise<Line[]> {
  const system = await bench.start();
  const client = openClient(system.address, system.apiKey);
  const request = toBinary(GetPoolStatusRequestSchema, create(GetPoolStatusRequestSchema));
  const echo = await startEcho({ [paths.status]: await client.raw(paths.status, request) });
  const echoClient = openClient(echo.address, system.apiKey);

  const took: { pool: number[]; echo: number[] } = { pool: [], echo: [] };
  for (let call = 0; call < CALLS; call += 1) {
    const ofPool = await timed(() => client.status());
    const ofEcho = await timed(() => echoClient.status());
    // The first calls compile the code.
    if (call < CALLS / 10) continue;
    took.pool.push(ofPool);
    took.echo.push(ofEcho);
  }
  client.close();
  echoClient.close();
  await echo.stop();
  await system.stop();
  const more = median(took.pool) - median(took.echo);
  return [
    {
      name: 'GetPoolStatus, 5,000 sessions: median over that of an echo',
      value: more,
      shown: `${median(took.pool).toFixed(2)} − ${median(took.echo).toFixed(2)} = ${more.toFixed(2)} ms`,
      target: { atMost: 3 },
    },
  ];
}

async function timed(call: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await call();
  return performance.now() - started;
}
