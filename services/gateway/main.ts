import { createMeshTokenSource, meshKeys } from '#lib/auth/mesh-token.ts';
import { openAuthenticator } from '#lib/auth/open.ts';
import { servicePrincipal } from '#lib/auth/principal.ts';
import { EDGE_SERVICE } from '#lib/auth/scopes.ts';
import { openBus, type EventBus } from '#lib/events/bus.ts';
import { runProcess, type Scope } from '#lib/lifecycle/process.ts';
import { readMeshTls, readTls } from '#lib/rpc/tls.ts';
import { openAdminPort } from '#lib/service/admin-port.ts';
import { createCallerTokens } from './caller-tokens.ts';
import { fields } from './config.ts';
import { gatewayRoutes } from './gateway.ts';
import { openMesh } from './mesh.ts';
import { serveEdge } from './serve.ts';

await runProcess({
  name: EDGE_SERVICE,
  purpose: 'Serves the mesh to the outside: Connect, gRPC-Web, JSON and the older HTTP interfaces.',
  fields,
  env: process.env,
  argv: process.argv.slice(2),
  main,
});

/** Opened in this order, closed in the reverse. It starts without the services behind it: they may come later. */
async function main(scope: Scope<typeof fields>): Promise<void> {
  const { config, clock, log, version, onStop } = scope;
  const admin = await openAdminPort(scope, ['its own port']);
  const bus = await openEvents(scope);
  onStop('events', () => bus.close());
  const tls = await readMeshTls(config);
  const tokenFor = createCallerTokens(
    createMeshTokenSource(meshKeys(config.meshKey), EDGE_SERVICE, clock),
    clock,
  );
  const mesh = openMesh(
    {
      sessionPool: config.sessionPoolAddress,
      accountAuth: config.accountAuthAddress,
      messaging: config.messagingAddress,
      proxyRegistry: config.proxyRegistryAddress,
      engagement: config.engagementAddress,
    },
    {
      balancing: 'round_robin',
      token: (caller) => tokenFor(caller ?? servicePrincipal(EDGE_SERVICE, '')),
      ...(tls === undefined ? {} : { tls }),
    },
  );
  onStop('clients of the mesh', () => mesh.close());

  const gateway = await serveEdge({
    host: config.listenHost,
    port: config.grpcPort,
    ...gatewayRoutes(mesh, {
      httpLease: { ttlMs: config.httpLeaseTtl, quarantineMs: config.httpQuarantine },
      version,
      reflection: config.reflection,
    }),
    authenticate: await openAuthenticator({
      service: EDGE_SERVICE,
      config,
      source: { address: config.accountAuthAddress, tls },
      bus,
      clock,
      log,
      onStop,
    }),
    corsOrigins: config.corsOrigins,
    limits: {
      callsPerSecond: config.callsPerSecond,
      callsPerSecondOfAddress: config.callsPerSecondOfAddress,
      maxUnaryPerCaller: config.maxUnaryPerCaller,
      maxConnections: config.maxConnections,
    },
    tls: await readTls(config),
    log,
    clock,
  });
  onStop('port', () => gateway.drain(config.shutdownGrace), config.shutdownGrace + 5_000);
  admin.readyWhen(() => ({ ok: true }));
  log.info(
    { event: 'serving', grpc_port: gateway.port, admin_port: admin.port },
    `callers are served on ${config.listenHost}:${gateway.port}`,
  );
}

/** They say which keys and logins have ended. */
function openEvents({ config, log }: Scope<typeof fields>): Promise<EventBus> {
  const { natsUrl, eventsDatabaseUrl } = config;
  if (natsUrl === undefined && eventsDatabaseUrl === undefined)
    throw new Error('NATS_URL is not set: set it, or DATABASE_URL where events travel through PostgreSQL');
  return openBus({ natsUrl, databaseUrl: eventsDatabaseUrl ?? '', log });
}
