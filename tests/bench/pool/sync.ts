import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fromBinary } from '@bufbuild/protobuf';
import { SyncSessionsResponseSchema } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { render } from '#lib/telegram/material/telethon-file.ts';
import type { Line } from '../report.ts';
import type { Bench } from './bench.ts';
import { openClient, paths } from './client.ts';

const FILES = 5_000;
/** A file that changed just now is read again the next time, whatever its size and time say. */
const SETTLE_MS = 3_000;

/** A folder of Telethon's SQLite files that all are new, and the same folder again. */
export async function measureSync(bench: Bench): Promise<Line[]> {
  const folder = await mkdtemp(join(tmpdir(), 'telegate-bench-sessions-'));
  const system = await bench.start({ sessions: 0, env: { SESSIONS_DIR: folder } });
  const client = openClient(system.address, system.apiKey);
  const sync = async (): Promise<{ seconds: number; added: number; faultCount: number }> => {
    const started = performance.now();
    const answer = await client.raw(paths.sync, new Uint8Array());
    const { added, faultCount } = fromBinary(SyncSessionsResponseSchema, answer);
    return { seconds: (performance.now() - started) / 1_000, added, faultCount };
  };

  // After the sync of the start, which must not see half of the files.
  await sync();
  for (let index = 0; index < FILES; index += 1)
    await writeFile(
      join(folder, `account ${index}.session`),
      render({ dataCenter: 2, authKey: randomBytes(256), userId: BigInt(index + 1) }),
    );
  await sleep(SETTLE_MS);

  const fresh = await sync();
  if (fresh.added !== FILES || fresh.faultCount > 0)
    throw new Error(`of ${FILES} files ${fresh.added} were added and ${fresh.faultCount} were faulty`);
  const unchanged = await sync();
  client.close();
  await system.stop();
  await rm(folder, { recursive: true });
  return [
    {
      name: 'sync of 5,000 new files',
      value: fresh.seconds,
      shown: `${fresh.seconds.toFixed(2)} s`,
      target: { atMost: 5 },
    },
    {
      name: 'sync of 5,000 unchanged files',
      value: unchanged.seconds,
      shown: `${unchanged.seconds.toFixed(2)} s`,
      target: { atMost: 1 },
    },
  ];
}
