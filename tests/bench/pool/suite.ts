import type { Line } from '../report.ts';
import type { Bench } from './bench.ts';
import { measureReclaim } from './reclaim.ts';
import { measureRenewals } from './renewals.ts';
import { measureStatus } from './status.ts';
import { measureStore } from './store.ts';
import { measureSync } from './sync.ts';
import { measureThroughput } from './throughput.ts';
import { measureTracing } from './tracing.ts';

/** In the order of the table; each can be run alone by its name. */
export const measurements: Readonly<Record<string, (bench: Bench) => Promise<Line[]>>> = {
  throughput: measureThroughput,
  store: measureStore,
  renewals: measureRenewals,
  reclaim: measureReclaim,
  status: measureStatus,
  sync: measureSync,
  tracing: measureTracing,
};
