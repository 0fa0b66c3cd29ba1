/* As driver.ts calls, with the clients of GramJS: node library.ts ADDRESS */
import { createInterface } from 'node:readline';
import { Api, resumedClient, type PlainTarget } from '../../support/gramjs.ts';
import { connectControl } from './local.ts';

const [address] = process.argv.slice(2);
const control = connectControl(address!);
const info = await control.getServerInfo({});
const target: PlainTarget = {
  dataCenters: info.dataCenters.map(({ dataCenter, host, port }) => ({ id: dataCenter, host, port })),
  rsa: {
    modulus: Buffer.from(info.rsaModulus),
    exponent: Number(info.rsaExponent),
    fingerprint: BigInt.asIntN(64, BigInt(`0x${info.rsaFingerprint}`)),
  },
};
control.close();
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const keys = ((await lines.next()).value as string).split(' ').map((hex) => Buffer.from(hex, 'hex'));
const connected = await Promise.all(
  keys.map(async (authKey) => {
    const client = await resumedClient(target, { authKey });
    await client.connect();
    await client.invoke(new Api.updates.GetState());
    return client;
  }),
);
console.log(JSON.stringify({ kind: 'ready' }));
for await (const line of lines) {
  const used = process.cpuUsage();
  const startedAt = performance.now();
  const until = startedAt + 1_000 * Number(line);
  let done = 0;
  await Promise.all(
    connected.map(async (client) => {
      for (; performance.now() < until; done += 1) await client.invoke(new Api.help.GetNearestDc());
    }),
  );
  const { user, system } = process.cpuUsage(used);
  const rate = (1_000 * done) / (performance.now() - startedAt);
  console.log(JSON.stringify({ rate, cpuMicros: (user + system) / done }));
}
process.exit();
