import { readFile } from 'node:fs/promises';
import { SessionPoolService } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { createAuthenticator } from '#lib/auth/authenticate.ts';
import { createMeshTokenSource, meshKeys } from '#lib/auth/mesh-token.ts';
import { servicePrincipal } from '#lib/auth/principal.ts';
import { EDGE_SERVICE } from '#lib/auth/scopes.ts';
import { runProcess, type Scope } from '#lib/lifecycle/process.ts';
import { connect, type ClientTls } from '#lib/rpc/client.ts';
import { readTls } from '#lib/rpc/tls.ts';
import { startAdminServer } from '#lib/telemetry/admin.ts';
import { startTelemetry } from '#lib/telemetry/sdk.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { fields } from './config.ts';
import { gatewayRoutes } from './gateway.ts';
import { serveEdge } from './serve.ts';

await runProcess({
  name: EDGE_SERVICE,
  purpose: 'Serves the mesh to the outside: Connect, gRPC-Web, JSON and the older HTTP interfaces.',
  version: packageJson.version,
  fields,
  env: process.env,
  argv: process.argv.slice(2),
  main,
});

/** Opened in this order, closed in the reverse. It starts without the services behind it: they may come later. */
async function main(scope: Scope<typeof fields>): Promise<void> {
  const { config, clock, log, env, onStop } = scope;
  const telemetry = startTelemetry({ service: scope.name, version: packageJson.version, env, log });
  onStop('telemetry', () => telemetry.shutdown());

  let serving = false;
  const admin = await startAdminServer({
    host: config.listenHost,
    port: config.adminPort,
    ready: () => (serving ? { ok: true } : { ok: false, waitingFor: ['its own port'] }),
    log,
  });
  onStop('admin server', () => admin.close());

  const keys = meshKeys(config.meshKey);
  const tokenFor = createMeshTokenSource(keys, EDGE_SERVICE, clock);
  const sessionPool = connect(SessionPoolService, {
    address: config.sessionPoolAddress,
    balancing: 'round_robin',
    token: (caller) => tokenFor(caller ?? servicePrincipal(EDGE_SERVICE, '')),
    tls: await readMeshTls(config),
  });
  onStop('clients', () => sessionPool.close());

  const gateway = await serveEdge({
    host: config.listenHost,
    port: config.grpcPort,
    ...gatewayRoutes(
      { sessionPool },
      {
        httpLease: { ttlMs: config.httpLeaseTtl, quarantineMs: config.httpQuarantine },
        version: packageJson.version,
      },
    ),
    authenticate: createAuthenticator({
      meshKeys: keys,
      operatorKey: config.operatorKey,
      operatorTenant: config.operatorTenant,
      clock,
    }),
    corsOrigins: config.corsOrigins,
    tls: await readTls(config),
    log,
    clock,
  });
  onStop('port', () => gateway.drain(config.shutdownGrace), config.shutdownGrace + 5_000);
  serving = true;
  onStop('readiness', () => {
    serving = false;
  });
  log.info(
    { kind: 'serving', grpc_port: gateway.port, admin_port: admin.port },
    `callers are served on ${config.listenHost}:${gateway.port}`,
  );
}

async function readMeshTls(config: Scope<typeof fields>['config']): Promise<ClientTls | undefined> {
  const { meshCaFile, meshCertFile, meshKeyFile } = config;
  if ((meshCertFile === undefined) !== (meshKeyFile === undefined))
    throw new Error('MESH_CERT_FILE and MESH_KEY_FILE belong together: set both or none');
  if (meshCaFile === undefined) {
    if (meshCertFile !== undefined) throw new Error('MESH_CERT_FILE is of use only with MESH_CA_FILE');
    return undefined;
  }
  return {
    ca: await readFile(meshCaFile),
    ...(meshCertFile === undefined ? {} : { cert: await readFile(meshCertFile) }),
    ...(meshKeyFile === undefined ? {} : { key: await readFile(meshKeyFile) }),
  };
}
