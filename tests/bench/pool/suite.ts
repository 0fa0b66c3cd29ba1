import type { Line } from '../report.ts';
import type { Bench } from './bench.ts';
import { measureThroughput } from './throughput.ts';

/** In the order of the table; each can be run alone by its name. */
export const measurements: Readonly<Record<string, (bench: Bench) => Promise<Line[]>>> = {
  throughput: measureThroughput,
};
