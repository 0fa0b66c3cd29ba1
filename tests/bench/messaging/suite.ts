import type { Bench } from '../pool/bench.ts';
import type { Line } from '../report.ts';
import { measureDelivery } from './delivery.ts';
import { measureSends } from './sends.ts';
import { measureWatched } from './watched.ts';

export interface MessagingBench extends Bench {
  /** Accounts that are watched at once. */
  readonly watched: number;
}

/** In the order of the table; each can be run alone by its name. */
export const messagingMeasurements: Readonly<Record<string, (bench: MessagingBench) => Promise<Line[]>>> = {
  sends: measureSends,
  delivery: measureDelivery,
  watched: (bench) => measureWatched(bench, bench.watched),
};
