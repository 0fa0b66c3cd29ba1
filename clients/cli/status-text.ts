import type { PoolStatus } from '#gen/telegate/session_pool/v1/session_pb.ts';
import type { Colour, Paint } from './terminal/output.ts';
import { moment, timeOfDay } from './terminal/times.ts';

type Count = Exclude<
  { [K in keyof PoolStatus]: PoolStatus[K] extends number ? K : never }[keyof PoolStatus],
  undefined
>;

const counts: readonly [Count, string, Colour][] = [
  ['total', 'sessions', 'bold'],
  ['free', 'free', 'green'],
  ['leased', 'leased', 'bold'],
  ['closing', 'closing', 'bold'],
  ['quarantined', 'quarantined', 'yellow'],
  ['floodWait', 'flood wait', 'yellow'],
  ['invalid', 'invalid', 'red'],
  ['needsLogin', 'needs login', 'red'],
  ['frozen', 'frozen', 'red'],
  ['banned', 'banned', 'red'],
  ['waiting', 'waiting', 'yellow'],
];

export function statusSheet(status: PoolStatus, now: number, paint: Paint): string {
  const lines = counts.map(([key, name, colour]) => {
    const text = `${name.padEnd(NAME_WIDTH)}  ${String(status[key]).padStart(6)}`;
    return status[key] === 0 ? paint('dim', text) : paint(colour, text);
  });
  const { nextAvailableTime, nextFloodWaitEndTime } = status;
  if (nextAvailableTime)
    lines.push(`${'next free'.padEnd(NAME_WIDTH)}  ${moment(nextAvailableTime, now)} at the latest`);
  if (nextFloodWaitEndTime)
    lines.push(`${'flood wait ends'.padEnd(NAME_WIDTH)}  ${moment(nextFloodWaitEndTime, now)}`);
  return lines.join('\n');
}

const NAME_WIDTH = 15;

/** Total, free, leased and waiting always, the others when there are any. */
export function statusLine(status: PoolStatus, now: number): string {
  const shown = counts.filter(
    ([key]) => status[key] > 0 || ['total', 'free', 'leased', 'waiting'].includes(key),
  );
  return [timeOfDay(now), ...shown.map(([key, name]) => `${name} ${status[key]}`)].join('  ');
}
