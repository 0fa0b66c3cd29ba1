import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from '#lib/lifecycle/clock.ts';
import { connect } from '#lib/rpc/client.ts';
import { SessionPoolService } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { engagementTour } from './demo-engagement.ts';
import { gatewayTour } from './demo-gateway.ts';
import { httpTour } from './demo-http.ts';
import { leaseTour, meshIsReady } from './demo-leases.ts';
import { loginTour } from './demo-login.ts';
import { messageTour } from './demo-messages.ts';
import { describe, startTour } from './demo-tour.ts';
import { messageOf } from './failure.ts';
import type { MeshFile } from './mesh-file.ts';
import { readMeshFile } from './mesh-file.ts';
import { fromWhereCalled } from './settings.ts';

const HELP = `npm run demo: a tour of a running mesh, a line a step; exit 0 only if all steps held.

  --mesh-file PATH  where the mesh wrote its endpoints and key (default: .telegate/mesh.json)
  --help            this text

It imports two made-up sessions, logs an account of the local Telegram in, lets another two write to each other, runs
campaigns in a channel of its own, goes the same way over plain HTTP, and deletes what it brought to the mesh; other
sessions are not touched. The users that it registers stay, with the record of their campaigns, and the accounts at the
local Telegram.
`;

const EXIT_FAILURE = 1;
const EXIT_MISUSE = 2;
/** No call of the tour takes long; a mesh that hangs fails the step. */
const DEADLINE_MS = 10_000;

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function misuse(text: string): number {
  process.stderr.write(`${text}\n`);
  return EXIT_MISUSE;
}

async function main(): Promise<number> {
  let path: string;
  try {
    const { values } = parseArgs({
      options: { 'mesh-file': { type: 'string' }, help: { type: 'boolean', short: 'h' } },
    });
    if (values.help === true) {
      say(HELP);
      return 0;
    }
    path = meshPath(values['mesh-file']);
  } catch (error) {
    return misuse(`${messageOf(error)}. See: npm run demo -- --help`);
  }
  const mesh = readMeshFile(path);
  const pool = mesh?.endpoints['session_pool'];
  if (!mesh || !pool)
    return misuse(
      `No mesh runs here: there is no ${path}. Start one in another terminal with npm start, or name its file: npm run demo -- --mesh-file PATH`,
    );
  return visit(mesh, pool);
}

function meshPath(named: string | undefined): string {
  if (named !== undefined) return fromWhereCalled(named, process.env);
  const home = process.env['TELEGATE_HOME'];
  return join(home === undefined ? '.telegate' : fromWhereCalled(home, process.env), 'mesh.json');
}

async function visit(mesh: MeshFile, endpoint: { grpc: string; admin: string }): Promise<number> {
  const clock = systemClock;
  const tour = startTour({ clock, say });
  const pool = connect(SessionPoolService, {
    address: endpoint.grpc,
    apiKey: mesh.apiKey,
    defaultDeadlineMs: DEADLINE_MS,
  });
  // Open calls end, the step at hand fails, and what was made is deleted.
  const interrupted = Promise.withResolvers<never>();
  interrupted.promise.catch(() => {});
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => interrupted.reject(new Error(`stopped by ${signal}`)));
  let held = false;
  try {
    const steps = async (): Promise<void> => {
      await meshIsReady(tour, endpoint.admin);
      const name = `demo-${randomBytes(4).toString('hex')}`;
      await leaseTour({ tour, pool, clock, name });
      const gateway = mesh.endpoints['gateway'];
      const token = await loginTour({ tour, mesh, name });
      if (gateway) await gatewayTour({ tour, mesh, url: `http://${gateway.grpc}`, pool, name });
      if (token !== undefined) await messageTour({ tour, mesh, token, clock, name });
      if (token !== undefined) await engagementTour({ tour, mesh, token, name });
      if (gateway) await httpTour({ tour, mesh, url: `http://${gateway.grpc}`, pool, clock, name });
    };
    await Promise.race([steps(), interrupted.promise]);
    held = true;
  } catch (error) {
    say(`\nThe tour ended early: ${describe(error)}`);
  }
  const tidied = await tour.tidyUp();
  pool.close();
  if (held && tidied) say('\nEvery step held.');
  return held && tidied ? 0 : EXIT_FAILURE;
}

process.exit(await main());
