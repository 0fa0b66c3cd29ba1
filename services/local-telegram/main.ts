import { randomBytes } from 'node:crypto';
import { createAuthenticator } from '#lib/auth/authenticate.ts';
import { meshKeys } from '#lib/auth/mesh-token.ts';
import { runProcess, type Scope } from '#lib/lifecycle/process.ts';
import { serve } from '#lib/rpc/server.ts';
import { openAdminPort } from '#lib/service/admin-port.ts';
import { fields } from './config.ts';
import { startLocalTelegram } from './local-telegram.ts';
import { controlRoutes } from './routes.ts';
import { scheduleAll } from './scheduled.ts';
import { seedWorld } from './seed.ts';
import { keepSnapshots, readSnapshot } from './snapshot.ts';

const SHORTEST_OPERATOR_KEY = 22;

await runProcess({
  name: 'local-telegram',
  purpose:
    'A Telegram on this machine: data centres that speak real MTProto, and a service that arranges them.',
  fields,
  env: process.env,
  argv: process.argv.slice(2),
  main,
});

/** Opened in this order, closed in the reverse. */
async function main(scope: Scope<typeof fields>): Promise<void> {
  const { config, clock, log, onStop } = scope;
  const isLoopback = ['127.0.0.1', '::1', 'localhost'].includes(config.listenHost);
  const operatorKey = config.operatorKey ?? '';
  if (!isLoopback && operatorKey.length < SHORTEST_OPERATOR_KEY)
    throw new Error(
      `LISTEN_HOST is ${config.listenHost}: set TELEGATE_OPERATOR_KEY to at least ${SHORTEST_OPERATOR_KEY} characters, or listen on 127.0.0.1.`,
    );
  const admin = await openAdminPort(scope, ['data centres']);

  const state = config.stateFile === undefined ? undefined : readSnapshot(config.stateFile);
  const { telegram, close } = await startLocalTelegram({
    host: config.listenHost,
    port: config.mtprotoPort,
    publicHost: config.publicHost,
    logger: log,
    clock,
    codeLifetimeMs: config.codeLifetime,
    callLogLimit: config.callLogLimit,
    ...(state ? { state } : {}),
  });
  if (config.stateFile !== undefined) {
    const snapshots = keepSnapshots({
      path: config.stateFile,
      state: telegram.world.state,
      clock,
      log,
    });
    onStop('state file', () => snapshots.stop());
  }
  onStop('data centres', close);
  if (!state && config.seed) seedWorld(telegram.world);
  scheduleAll(telegram);

  const server = await serve({
    host: config.listenHost,
    port: config.grpcPort,
    implementations: [
      controlRoutes({
        telegram,
        stateFile: config.stateFile ?? '',
        access: isLoopback ? 'public' : 'operator',
      }),
    ],
    authenticate: createAuthenticator({
      // No mesh speaks to it: tokens are made by nobody, and the key is the operator's or nobody's.
      meshKeys: meshKeys([randomBytes(32)]),
      operatorKey: operatorKey === '' ? randomBytes(32).toString('hex') : operatorKey,
      clock,
    }),
    reflection: config.reflection,
    log,
    clock,
  });
  onStop('gRPC server', () => server.drain(config.shutdownGrace), config.shutdownGrace + 5_000);
  server.setServing(true);
  admin.readyWhen(() => ({ ok: true }));
  const places = telegram.dataCenters.map(({ id, host, port }) => `data centre ${id} at ${host}:${port}`);
  log.info(
    { event: 'serving', grpc_port: server.port, admin_port: admin.port, data_centers: telegram.dataCenters },
    `MTProto: ${places.join(', ')}; trust this key:\n${telegram.serverKey.publicPem}`,
  );
}
