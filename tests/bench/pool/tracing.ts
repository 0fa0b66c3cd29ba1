import { fileURLToPath } from 'node:url';
import { rateLine, type Line } from '../report.ts';
import { median } from '../statistics.ts';
import type { Bench } from './bench.ts';
import { openClient } from './client.ts';
import { startProgram, type System } from './system.ts';
import { pairsASecond, unaryCallers, waitForDrain } from './throughput.ts';

const COLLECTOR = fileURLToPath(new URL('collector.ts', import.meta.url));

/** What tracing costs: the same unary pairs with nothing, one call in a hundred, and every call exported. */
export async function measureTracing(bench: Bench): Promise<Line[]> {
  const { seconds, rounds } = bench.options;
  const collector = await startProgram([COLLECTOR], {}, 'serving');
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${String(collector.said['port'])}` };
  const sampled = (share: string) => ({
    ...endpoint,
    OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
    OTEL_TRACES_SAMPLER_ARG: share,
  });
  const systems: { name: string; system: System; rates: number[] }[] = [
    { name: 'off', system: await bench.start(), rates: [] },
    { name: '1 %', system: await bench.start({ env: sampled('0.01') }), rates: [] },
    { name: 'all', system: await bench.start({ env: sampled('1') }), rates: [] },
  ];
  for (let round = 0; round <= rounds; round += 1) {
    for (const { system, rates } of systems) {
      const client = openClient(system.address, system.apiKey);
      const rate = await pairsASecond(unaryCallers(client), seconds);
      client.close();
      await waitForDrain(system);
      if (round > 0) rates.push(rate);
    }
  }
  for (const { system } of systems) await system.stop();
  await collector.stop();
  const [off] = systems;
  return systems.map(({ name, rates }) => {
    const line = rateLine(`unary, relay running, tracing ${name}`, rates);
    const share = median(rates.map((rate, index) => rate / off!.rates[index]!));
    return name === 'off' ? line : { ...line, shown: `${line.shown} (${Math.round(share * 100)} % of off)` };
  });
}
