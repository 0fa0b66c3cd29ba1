import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  isDoubtful,
  planSync,
  type FileContent,
  type FolderFile,
  type KnownFile,
  type PooledSession,
  type SyncFacts,
  type SyncPlan,
} from './model.ts';

const material = { dataCenter: 2, authKey: Buffer.alloc(256, 1) };

function fileOf(fileName: string, content: string | FileContent): FolderFile {
  return {
    fileName,
    name: fileName.replace(/\.session$/, ''),
    content: typeof content === 'string' ? { kind: 'session', print: content, material } : content,
  };
}

function sessionOf(
  id: number,
  name: string,
  print: string,
  more: Partial<PooledSession> = {},
): PooledSession {
  return { id: BigInt(id), name, print, bySync: true, busy: false, leaving: 'no', ...more };
}

function plan(
  files: Record<string, string | FileContent>,
  sessions: PooledSession[],
  links: Record<string, number> = {},
  foreign: string[] = [],
): SyncPlan {
  return planSync({
    files: Object.entries(files).map(([name, content]) => fileOf(`${name}.session`, content)),
    known: new Map(
      Object.entries(links).map(([name, id]) => [`${name}.session`, { print: null, sessionId: BigInt(id) }]),
    ),
    sessions,
    foreign: new Set(foreign),
  });
}

const faults = ({ verdicts }: SyncPlan): Record<string, string> =>
  Object.fromEntries(verdicts.flatMap(({ file, fault }) => (fault === null ? [] : [[file.name, fault]])));
const added = ({ adds }: SyncPlan): string[] => adds.map(({ name }) => name);

describe('files that are new', () => {
  test('are added', () => {
    expect(added(plan({ a: 'A', b: 'B' }, []))).toEqual(['a', 'b']);
  });

  test('of several with one key the first is the session, the others are told', () => {
    const outcome = plan({ a: 'A', b: 'A', c: 'A' }, []);
    expect(added(outcome)).toEqual(['a']);
    expect(faults(outcome)).toEqual({
      b: expect.stringContaining('the same key as a.session'),
      c: expect.stringContaining('the same key as a.session'),
    });
  });

  test('or the first whose name is to be had', () => {
    const outcome = plan({ a: 'A', b: 'A' }, [sessionOf(1, 'a', 'B', { bySync: false })]);
    expect(added(outcome)).toEqual(['b']);
  });

  test('a copy that comes first in the order does not take the place of the file that was there', () => {
    const outcome = plan({ a: 'B', b: 'B' }, [sessionOf(1, 'b', 'B')], { b: 1 });
    expect(outcome).toMatchObject({ adds: [], removals: [] });
    expect(outcome.renames.size).toBe(0);
    expect(faults(outcome)).toEqual({ a: expect.stringContaining('b.session') });
  });

  test("another tenant's key is told without its name", () => {
    const outcome = plan({ a: 'A' }, [], {}, ['A']);
    expect(added(outcome)).toEqual([]);
    expect(faults(outcome)).toEqual({ a: 'Its key is in the pool of another tenant already.' });
  });

  test('a name that an import has is a fault', () => {
    const outcome = plan({ a: 'A' }, [sessionOf(1, 'a', 'B', { bySync: false })]);
    expect(added(outcome)).toEqual([]);
    expect(faults(outcome)).toEqual({ a: expect.stringContaining('Rename the file') });
  });

  test('an imported session with the same key gets the file, keeps its name and never goes', () => {
    const imported = sessionOf(1, 'desk', 'A', { bySync: false });
    const outcome = plan({ a: 'A' }, [imported]);
    expect(outcome).toMatchObject({ adds: [], removals: [], verdicts: [{ sessionId: 1n, fault: null }] });
    expect(outcome.renames.size).toBe(0);
    expect(plan({}, [imported], { a: 1 }).removals).toEqual([]);
  });
});

describe('files that changed', () => {
  test('a renamed one keeps its session, which takes the name, leased or not', () => {
    for (const busy of [true, false]) {
      const outcome = plan({ b: 'A' }, [sessionOf(1, 'a', 'A', { busy })], { a: 1 });
      expect(outcome).toMatchObject({ adds: [], removals: [] });
      expect([...outcome.renames]).toEqual([[1n, 'b']]);
    }
  });

  test('two that change places exchange the names of their sessions', () => {
    const outcome = plan({ a: 'B', b: 'A' }, [sessionOf(1, 'a', 'A'), sessionOf(2, 'b', 'B')], {
      a: 1,
      b: 2,
    });
    expect(new Map(outcome.renames)).toEqual(
      new Map([
        [1n, 'b'],
        [2n, 'a'],
      ]),
    );
    expect(faults(outcome)).toEqual({});
  });

  test('a session whose new name an import has keeps its own', () => {
    const sessions = [sessionOf(1, 'a', 'A'), sessionOf(2, 'b', 'B', { bySync: false })];
    const outcome = plan({ b: 'A' }, sessions, { a: 1 });
    expect(outcome.renames.size).toBe(0);
    expect(outcome.verdicts).toMatchObject([
      { sessionId: 1n, fault: expect.stringContaining('keeps the name a') },
    ]);
  });

  test('another key under a name: the old session goes, the new one comes', () => {
    const outcome = plan({ a: 'B' }, [sessionOf(1, 'a', 'A')], { a: 1 });
    expect(outcome.removals).toEqual([1n]);
    expect(added(outcome)).toEqual(['a']);
  });

  test('another key while the old session is leased: it comes when that has gone', () => {
    for (const session of [
      sessionOf(1, 'a', 'A', { busy: true }),
      sessionOf(1, 'a', 'A', { busy: true, leaving: 'by_sync' }),
    ]) {
      const outcome = plan({ a: 'B' }, [session], { a: 1 });
      expect(outcome.removals).toEqual(session.leaving === 'no' ? [1n] : []);
      expect(added(outcome)).toEqual([]);
      expect(outcome.waiting).toBe(1);
      expect(faults(outcome)).toEqual({ a: expect.stringContaining('still in use') });
    }
  });

  test('one that can not be read, or is broken, costs nobody the session', () => {
    for (const kind of ['unreadable', 'broken'] as const) {
      const outcome = plan({ a: { kind, fault: 'It is.' } }, [sessionOf(1, 'a', 'A')], { a: 1 });
      expect(outcome).toMatchObject({ removals: [], verdicts: [{ sessionId: 1n, fault: 'It is.' }] });
    }
  });

  test('a sound copy takes the place of a broken file', () => {
    const outcome = plan({ a: { kind: 'broken', fault: 'It is.' }, b: 'A' }, [sessionOf(1, 'a', 'A')], {
      a: 1,
    });
    expect([...outcome.renames]).toEqual([[1n, 'b']]);
    expect(outcome.verdicts.map(({ sessionId }) => sessionId)).toEqual([null, 1n]);
  });
});

describe('files that are gone', () => {
  test('take their sessions along, leased or not, once', () => {
    expect(plan({}, [sessionOf(1, 'a', 'A'), sessionOf(2, 'b', 'B', { busy: true })]).removals).toEqual([
      1n,
      2n,
    ]);
    expect(plan({}, [sessionOf(1, 'a', 'A', { busy: true, leaving: 'by_sync' })]).removals).toEqual([]);
  });

  test('and return before the lease is over: the session stays', () => {
    const outcome = plan({ a: 'A' }, [sessionOf(1, 'a', 'A', { busy: true, leaving: 'by_sync' })]);
    expect(outcome).toMatchObject({ revivals: [1n], removals: [], adds: [] });
  });

  test('what a call deletes, sync does not keep', () => {
    const outcome = plan({ a: 'A' }, [sessionOf(1, 'a', 'A', { busy: true, leaving: 'by_call' })], { a: 1 });
    expect(outcome).toMatchObject({ revivals: [], adds: [], waiting: 1 });
  });
});

describe('a folder that lacks too many', () => {
  const sessions = Array.from({ length: 50 }, (_, index) => sessionOf(index, `s${index}`, `K${index}`));
  const judge = (files: number, of: number, percent = 50): boolean => {
    const facts: SyncFacts = {
      files: sessions.slice(0, files).map(({ name, print }) => fileOf(`${name}.session`, print)),
      known: new Map(),
      sessions: sessions.slice(0, of),
      foreign: new Set(),
    };
    return isDoubtful(planSync(facts), facts, percent);
  };

  test('is doubtful; the last one, a few, or half of them may go', () => {
    expect(judge(0, 2)).toBe(true);
    expect(judge(0, 1)).toBe(false);
    expect(judge(1, 20)).toBe(false);
    expect(judge(1, 50)).toBe(true);
    expect(judge(25, 50)).toBe(false);
    expect(judge(24, 50)).toBe(true);
    expect(judge(0, 50, 100)).toBe(false);
  });
});

const NAMES = ['a', 'b', 'c', 'd', 'e'];
const KEYS = ['A', 'B', 'C', 'D', 'E', 'F'];

const anyContent = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...KEYS) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom('unreadable' as const, 'broken' as const, 'unfit' as const)
      .map((kind) => ({ kind, fault: 'x' })),
  },
);

const anyFacts: fc.Arbitrary<SyncFacts> = fc
  .record({
    files: fc.dictionary(fc.constantFrom(...NAMES), anyContent),
    names: fc.shuffledSubarray(NAMES),
    keys: fc.shuffledSubarray(KEYS, { minLength: NAMES.length }),
    kinds: fc.array(
      fc.record({
        bySync: fc.boolean(),
        busy: fc.boolean(),
        leaving: fc.constantFrom('no' as const, 'no' as const, 'by_sync' as const, 'by_call' as const),
      }),
      { minLength: NAMES.length, maxLength: NAMES.length },
    ),
    linked: fc.shuffledSubarray(NAMES),
    foreign: fc.subarray(KEYS),
  })
  .map(({ files, names, keys, kinds, linked, foreign }) => {
    const sessions = names.map((name, index) => {
      const kind = kinds[index]!;
      // Sync lets only its own sessions leave, and only those in use stay a while.
      const leaving = kind.leaving === 'by_sync' && !kind.bySync ? 'no' : kind.leaving;
      return sessionOf(index + 1, name, keys[index]!, { ...kind, leaving });
    });
    return {
      files: Object.entries(files)
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, content]) => fileOf(`${name}.session`, content)),
      known: new Map<string, KnownFile>(
        sessions
          .slice(0, linked.length)
          .map(({ id }, index) => [`${linked[index]}.session`, { print: null, sessionId: id }]),
      ),
      sessions,
      foreign: new Set(foreign.filter((print) => !sessions.some((session) => session.print === print))),
    };
  });

/** The pool and what is known of the files when the plan was carried out. */
function carryOut(facts: SyncFacts, { removals, renames, revivals, adds, verdicts }: SyncPlan): SyncFacts {
  const removed = new Set(removals);
  const sessions = facts.sessions
    .filter(({ id, busy }) => !removed.has(id) || busy)
    .map((session): PooledSession => ({
      ...session,
      name: renames.get(session.id) ?? session.name,
      leaving: removed.has(session.id) ? 'by_sync' : revivals.includes(session.id) ? 'no' : session.leaving,
    }));
  const links = new Map<string, KnownFile>(
    verdicts.map(({ file, sessionId }) => [file.fileName, { print: null, sessionId }]),
  );
  for (const [index, { fileName, name, content }] of adds.entries()) {
    if (content.kind !== 'session') throw new Error('a file without a session is added');
    sessions.push(sessionOf(100 + index, name, content.print));
    links.set(fileName, { print: content.print, sessionId: BigInt(100 + index) });
  }
  return { ...facts, sessions, known: links };
}

describe('whatever is in the folder and in the pool', () => {
  const check = (property: (facts: SyncFacts, plan: SyncPlan) => void): void =>
    fc.assert(
      fc.property(anyFacts, (facts) => property(facts, planSync(facts))),
      { numRuns: 3_000 },
    );

  test('no key and no name is there twice afterwards', () => {
    check((facts, made) => {
      const { sessions } = carryOut(facts, made);
      expect(new Set(sessions.map(({ print }) => print)).size).toBe(sessions.length);
      expect(new Set(sessions.map(({ name }) => name)).size).toBe(sessions.length);
    });
  });

  test('only what sync added is removed or renamed, and nothing whose key is in the folder', () => {
    check(({ files, sessions }, { removals, renames }) => {
      const prints = new Set(files.map(({ content }) => (content.kind === 'session' ? content.print : '')));
      const wronged = sessions.filter(
        ({ id, bySync, print }) =>
          (!bySync && (removals.includes(id) || renames.has(id))) ||
          (removals.includes(id) && prints.has(print)),
      );
      expect(wronged).toEqual([]);
    });
  });

  test('each file is a session of the pool, or it is told why not', () => {
    check((facts, { adds, verdicts }) => {
      const said = [...adds, ...verdicts.map(({ file }) => file)].map(({ fileName }) => fileName);
      expect(said.toSorted()).toEqual(facts.files.map(({ fileName }) => fileName));
      expect(verdicts.filter(({ sessionId, fault }) => sessionId === null && fault === null)).toEqual([]);
      const holding = verdicts.flatMap(({ sessionId }) => sessionId ?? []);
      expect(new Set(holding).size).toBe(holding.length);
    });
  });

  test('a second look finds nothing to do, and agrees with the first', () => {
    check((facts, made) => {
      const again = planSync(carryOut(facts, made));
      expect(again).toMatchObject({ removals: [], adds: [], revivals: [] });
      expect(again.renames.size).toBe(0);
      expect(again.waiting).toBe(made.waiting);
    });
  });

  test('when nobody uses what is to leave any more, every sound file of our own is a session', () => {
    check((facts, made) => {
      const after = carryOut(facts, made);
      const left = { ...after, sessions: after.sessions.filter(({ leaving }) => leaving === 'no') };
      const last = planSync(left);
      expect(last.waiting).toBe(0);
      const { sessions } = carryOut(left, last);
      const prints = new Set(sessions.map(({ print }) => print));
      const imported = new Set(sessions.filter(({ bySync }) => !bySync).map(({ name }) => name));
      const lost = facts.files.filter(
        ({ content, name }) =>
          content.kind === 'session' &&
          !facts.foreign.has(content.print) &&
          !imported.has(name) &&
          !prints.has(content.print),
      );
      const told = last.verdicts.filter(({ fault }) => fault !== null).map(({ file }) => file);
      expect(lost.filter((file) => !told.includes(file))).toEqual([]);
    });
  });
});
