/* One transport, so many calls in flight, for so long: `client.ts KIND PORT SECONDS`, KIND grpc-js, grpc or connect. */
import { createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { connect } from '#lib/rpc/client.ts';
import { EchoService } from '../../support/echo/v1/echo_pb.ts';

const IN_FLIGHT = 64;
const WARM_UP_MS = 1_000;
const request = { text: 'worker-17', payload: new Uint8Array(100) };

const [kind, port, seconds] = process.argv.slice(2);

/** Both gRPC servers are called by the same client, so that only the server differs. */
function echo(): () => Promise<unknown> {
  if (kind === 'connect') {
    const transport = createConnectTransport({
      baseUrl: `http://127.0.0.1:${port}`,
      httpVersion: '1.1',
      useBinaryFormat: true,
    });
    const client = createClient(EchoService, transport);
    return () => client.echo(request);
  }
  const client = connect(EchoService, { address: `127.0.0.1:${port}`, apiKey: 'none' });
  return () => client.echo(request);
}

const call = echo();
async function rate(ms: number): Promise<number> {
  const started = performance.now();
  let calls = 0;
  await Promise.all(
    Array.from({ length: IN_FLIGHT }, async () => {
      for (; performance.now() - started < ms; calls += 1) await call();
    }),
  );
  return calls / ((performance.now() - started) / 1_000);
}

await rate(WARM_UP_MS);
console.log(await rate(Number(seconds) * 1_000));
process.exit(0);
