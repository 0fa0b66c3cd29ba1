/* A service of the mesh behind the gateway: the same echo as services serve theirs. `echo.ts MESH_KEY`. */
import { once } from 'node:events';
import { createAuthenticator } from '#lib/auth/authenticate.ts';
import { meshKeys } from '#lib/auth/mesh-token.ts';
import { systemClock } from '#lib/lifecycle/clock.ts';
import { startTelemetry } from '#lib/telemetry/sdk.ts';
import { serveEcho } from '../../support/echo/echo-service.ts';

startTelemetry({ service: 'echo', version: '0', env: process.env });
const server = await serveEcho({
  authenticate: createAuthenticator({
    meshKeys: meshKeys([Buffer.from(process.argv[2]!, 'base64')]),
    operatorKey: 'nobody calls with this one',
    clock: systemClock,
  }),
  handlers: {
    // Silent until its caller leaves.
    repeat: async (_, __, { signal }) => void (await once(signal, 'abort')),
  },
  longLived: ['repeat'],
});
console.log(JSON.stringify({ kind: 'serving', address: server.address }));
process.once('SIGTERM', () => process.exit(0));
