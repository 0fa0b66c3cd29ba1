import { expect, test } from 'vitest';
import type { SeenEntry } from '../history.ts';
import { checkEvents } from './events.ts';
import { tell, type Story } from './fixtures/story.ts';
import { checkRecovery } from './recovery.ts';

function history(): Story {
  const story = tell();
  story.wholeLife('1', 1, 'released');
  story.wholeLife('2', 1, 'expired');
  return story;
}

const violations = (story: Story) => checkEvents(story.timeline()).violations;

/** Drops or changes one event where it was seen. */
function changeSeen(
  story: Story,
  where: SeenEntry['kind'],
  sequence: number,
  edit: (seen: SeenEntry) => SeenEntry | undefined,
): void {
  story.change((entry) =>
    entry.kind === where && entry.session === '1' && entry.sequence === sequence ? edit(entry) : entry,
  );
}

test('what was committed is in the stream and arrived, in order', () => {
  expect(checkEvents(history().timeline())).toMatchObject({
    checked: 4,
    violations: [],
    figures: { committed: 4, delivered: 4, duplicated: 0, lost: 0 },
  });
});

test('a second delivery of the same is no fault, and counted', () => {
  const story = history();
  const [first] = story.timeline().of('delivered');
  story.add({ ...first!, t: 50_000 });
  expect(checkEvents(story.timeline())).toMatchObject({ violations: [], figures: { duplicated: 1 } });
});

test('lost on the way', () => {
  for (const where of ['streamed', 'delivered'] as const) {
    const story = history();
    changeSeen(story, where, 2, () => undefined);
    expect(violations(story)).toHaveLength(1);
  }
});

test('published and never committed', () => {
  const story = history();
  const [first] = story.timeline().of('streamed');
  story.add({ ...first!, event: 'phantom', sequence: 3 });
  expect(violations(story)).toHaveLength(1);
});

test('another event under a known id', () => {
  const story = history();
  changeSeen(story, 'delivered', 2, (seen) => ({ ...seen, subject: 'telegate.v1.session_pool.1.other' }));
  expect(violations(story)).toHaveLength(1);
});

test('out of order within a session', () => {
  const story = history();
  const delivered = story
    .timeline()
    .of('delivered')
    .filter(({ session }) => session === '1');
  story.change((entry) => (entry.kind === 'delivered' && entry.session === '1' ? undefined : entry));
  story.add(...delivered.toReversed());
  expect(violations(story)).toHaveLength(1);
});

test('a change without an event', () => {
  const story = history();
  story.change((entry) => ('event' in entry && entry.event === 'event-1-2' ? undefined : entry));
  expect(violations(story).length).toBeGreaterThan(0);
});

test('what still waits when all is quiet', () => {
  const story = history();
  story.change((entry) => (entry.kind === 'final' ? { ...entry, outboxLeft: 3 } : entry));
  expect(violations(story)).toHaveLength(1);
});

/** Twenty pairs a second for 20 s, which fail between `from` and `to`. */
function paced(from: number, to: number): Story {
  const story = tell();
  for (let t = 0; t < 20_000; t += 50) story.add({ kind: 'tick', t, end: t + 10, ok: t < from || t >= to });
  return story;
}

test('I11: how long throughput took to come back', () => {
  const soon = paced(1_000, 4_000);
  soon.fault({ t: 1_000, lifted: 3_000 });
  expect(checkRecovery(soon.timeline())).toMatchObject({
    violations: [],
    figures: { slowestRecoveryMs: 950 },
  });
  const late = paced(1_000, 14_500);
  late.fault({ t: 1_000, lifted: 3_000 });
  expect(checkRecovery(late.timeline()).violations).toHaveLength(1);
  const never = paced(1_000, 20_000);
  never.fault({ t: 1_000, lifted: 3_000 });
  expect(checkRecovery(never.timeline()).violations).toHaveLength(1);
});

test('I11: a replica that does not come back', () => {
  const story = paced(0, 0);
  story.fault({ t: 1_000, lifted: 2_000, returned: 72_000, down: ['replica-0'] });
  expect(checkRecovery(story.timeline()).violations).toHaveLength(1);
});
