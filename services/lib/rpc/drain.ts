import type { Server } from '@grpc/grpc-js';
import { expired, within } from '#lib/lifecycle/clock.ts';
import type { ServerState } from './call.ts';
import { GoingAway } from './errors.ts';
import type { Health } from './health.ts';

/** For the last statuses to leave before the sockets are cut. */
const FLUSH_MS = 500;

export interface DrainOptions {
  server: Server;
  state: ServerState;
  health: Health;
  endOthers: () => void;
  graceMs: number;
}

export async function drainServer({
  server,
  state,
  health,
  endOthers,
  graceMs,
}: DrainOptions): Promise<void> {
  const { clock, openCalls } = state;
  health.setServing(false);
  state.draining = true;
  for (const call of openCalls) call.goAway();
  const shutDown = new Promise<void>((resolve) => {
    server.tryShutdown(() => resolve());
  });
  endOthers();
  if ((await within(clock, graceMs, shutDown)) !== expired) return;
  for (const call of openCalls) call.fail(new GoingAway());
  await within(clock, FLUSH_MS, shutDown);
  server.forceShutdown();
}
