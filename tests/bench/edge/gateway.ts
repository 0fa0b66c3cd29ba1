/* The gateway before that echo: `gateway.ts ADDRESS MESH_KEY OPERATOR_KEY`. */
import { pino } from 'pino';
import { createAuthenticator } from '#lib/auth/authenticate.ts';
import { createMeshTokenSource, meshKeys } from '#lib/auth/mesh-token.ts';
import { EDGE_SERVICE } from '#lib/auth/scopes.ts';
import { systemClock } from '#lib/lifecycle/clock.ts';
import { connect } from '#lib/rpc/client.ts';
import { startTelemetry } from '#lib/telemetry/sdk.ts';
import { bridge } from '../../../services/gateway/bridge.ts';
import { createCallerTokens } from '../../../services/gateway/caller-tokens.ts';
import { serveEdge } from '../../../services/gateway/serve.ts';
import { EchoService } from '../../support/echo/v1/echo_pb.ts';
import { serveUsage } from './control.ts';

const [address, meshKey, operatorKey] = process.argv.slice(2) as [string, string, string];
startTelemetry({ service: 'gateway', version: '0', env: process.env });
const keys = meshKeys([Buffer.from(meshKey, 'base64')]);
const tokenFor = createCallerTokens(createMeshTokenSource(keys, EDGE_SERVICE, systemClock), systemClock);
const client = connect(EchoService, {
  address,
  balancing: 'round_robin',
  token: (caller) => tokenFor(caller!),
});
const edge = await serveEdge({
  host: '127.0.0.1',
  port: 0,
  bridges: [bridge(EchoService, client, { longLived: ['repeat'] })],
  routes: [],
  authenticate: createAuthenticator({ meshKeys: keys, operatorKey, clock: systemClock }),
  corsOrigins: [],
  limits: { callsPerSecond: 0, callsPerSecondOfAddress: 0, maxStreamsPerPrincipal: 20_000 },
  log: pino({ level: 'warn' }),
  clock: systemClock,
});
console.log(JSON.stringify({ kind: 'serving', port: edge.port, usage: await serveUsage() }));
process.once('SIGTERM', () => process.exit(0));
