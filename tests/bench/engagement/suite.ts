import { measureCampaigns } from './campaigns.ts';
import { measureTexts } from './texts.ts';
import type { Bench } from '../pool/bench.ts';
import type { Line } from '../report.ts';

/** In the order of the table; each can be run alone by its name. */
export const engagementMeasurements: Readonly<Record<string, (bench: Bench) => Promise<Line[]>>> = {
  campaigns: measureCampaigns,
  texts: measureTexts,
};
