import type { Box, BoxEvent } from './state.ts';

/** Older ones give way; a client that is further behind is told so. */
const MOST_EVENTS = 5_000;

type New<T> = T extends unknown ? Omit<T, 'pts' | 'count'> : never;

/** Raises the counter and keeps what raised it. */
export function addEvent(box: Box, event: New<BoxEvent>, now: number, count = 1): BoxEvent {
  box.pts += count;
  box.time = now;
  const made: BoxEvent = { ...event, pts: box.pts, count };
  box.events.push(made);
  if (box.events.length > 2 * MOST_EVENTS) box.events.splice(0, box.events.length - MOST_EVENTS);
  return made;
}

/** The events behind a counter; undefined when some of them are gone. */
export function eventsAfter(box: Box, pts: number): BoxEvent[] | undefined {
  const { events } = box;
  const first = events[0];
  if (pts >= box.pts) return [];
  if (!first || pts < first.pts - first.count) return undefined;
  let low = 0;
  let high = events.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (events[middle]!.pts <= pts) low = middle + 1;
    else high = middle;
  }
  return events.slice(low);
}
