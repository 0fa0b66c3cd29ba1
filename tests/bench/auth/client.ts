/* So many echoes in flight with one kind of credentials, for so long: `client.ts ADDRESS SECONDS none|token|key TEXT`. */
import { connect } from '#lib/rpc/client.ts';
import { EchoService } from '../../support/echo/v1/echo_pb.ts';

const IN_FLIGHT = 64;
const WARM_UP_MS = 1_000;
const request = { text: 'worker-17', payload: new Uint8Array(100) };

const [address = '', seconds, kind, text = ''] = process.argv.slice(2);
const credentials = { none: {}, token: { token: text }, key: { apiKey: text } }[
  kind as 'none' | 'token' | 'key'
];
const client = connect(EchoService, { address, ...credentials });

async function rate(ms: number): Promise<number> {
  const started = performance.now();
  let calls = 0;
  await Promise.all(
    Array.from({ length: IN_FLIGHT }, async () => {
      for (; performance.now() - started < ms; calls += 1) await client.echo(request);
    }),
  );
  return calls / ((performance.now() - started) / 1_000);
}

await rate(WARM_UP_MS);
console.log(await rate(Number(seconds) * 1_000));
process.exit(0);
