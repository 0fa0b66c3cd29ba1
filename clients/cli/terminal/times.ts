import { durationMs, timestampDate, type Duration, type Timestamp } from '@bufbuild/protobuf/wkt';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `27 s`, `3 min 5 s`, `2 h 10 min`, `4 d 3 h`. */
export function span(ms: number): string {
  const size = Math.max(0, ms);
  if (size < SECOND) return `${Math.round(size)} ms`;
  if (size < MINUTE) return `${Math.round(size / SECOND)} s`;
  if (size < HOUR) return twoUnits(size, MINUTE, 'min', SECOND, 's');
  if (size < DAY) return twoUnits(size, HOUR, 'h', MINUTE, 'min');
  return twoUnits(size, DAY, 'd', HOUR, 'h');
}

function twoUnits(ms: number, large: number, largeName: string, small: number, smallName: string): string {
  const whole = Math.floor(ms / large);
  const rest = Math.floor((ms - whole * large) / small);
  return rest === 0 ? `${whole} ${largeName}` : `${whole} ${largeName} ${rest} ${smallName}`;
}

export function spanOf(duration: Duration): string {
  return span(durationMs(duration));
}

export function timeOfDay(ms: number): string {
  const date = new Date(ms);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(twoDigits).join(':');
}

/** Local and relative: `19:31:28 (in 27 s)`, with the date when it is another day. */
export function moment(at: Timestamp | undefined, now: number): string {
  if (at === undefined) return '–';
  const ms = timestampDate(at).getTime();
  const far = ms > now ? `in ${span(ms - now)}` : `${span(now - ms)} ago`;
  return `${dayUnlessToday(ms, now)}${timeOfDay(ms)} (${far})`;
}

function dayUnlessToday(ms: number, now: number): string {
  const day = dayOf(ms);
  return day === dayOf(now) ? '' : `${day} `;
}

function dayOf(ms: number): string {
  const date = new Date(ms);
  return [date.getFullYear(), twoDigits(date.getMonth() + 1), twoDigits(date.getDate())].join('-');
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}
