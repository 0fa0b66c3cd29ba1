import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createFakeClock } from '#lib/lifecycle/clock-fake.ts';
import type { Api } from '../client.ts';
import { CallTimedOut, LinkClosed, RawRpcError } from '../link.ts';
import { PlayedServer, type PlayedScope } from './fixtures/played-server.ts';
import { deletedIn, gapsOf, MemoryStore, playedSession, textsOf } from './fixtures/played-session.ts';
import type { UpdateLoop } from '../updates.ts';
import type { UpdateStore } from './state.ts';
import type { Gap, GapCause, Notice } from './notice.ts';

const NEWS = 77n;
const CLUB = 88n;
const SCOPES: readonly PlayedScope[] = ['account', NEWS, CLUB];

type Fate = 'arrives' | 'lost' | 'twice' | 'late';
interface Happening {
  scope: PlayedScope;
  kind: 'new' | 'delete';
  count: number;
}
type Command =
  | ({ do: 'happen'; fate: Fate } & Happening)
  | { do: 'pass'; ms: number }
  | { do: 'away'; meanwhile: Happening[] }
  | { do: 'crash' }
  | { do: 'fault'; which: keyof typeof FAULTS }
  | { do: 'too-long' }
  | { do: 'handler'; slow: boolean };

const FAULTS = {
  flood: () => new RawRpcError(420, 'FLOOD_WAIT_3'),
  server: () => new RawRpcError(500, 'RPC_CALL_FAIL'),
  outdated: () => new RawRpcError(400, 'PERSISTENT_TIMESTAMP_OUTDATED'),
  timeout: () => new CallTimedOut(true),
  closed: () => new LinkClosed({ reason: 'lost', blame: 'data-center' }, true),
};

const happening = {
  scope: fc.constantFrom(...SCOPES),
  kind: fc.constantFrom('new' as const, 'new' as const, 'delete' as const),
  count: fc.integer({ min: 1, max: 3 }),
};
const happens = (...fates: Fate[]) => ({
  weight: 12,
  arbitrary: fc.record({ do: fc.constant('happen' as const), ...happening, fate: fc.constantFrom(...fates) }),
});
const fault = (...which: (keyof typeof FAULTS)[]) => ({
  weight: 1,
  arbitrary: fc.record({ do: fc.constant('fault' as const), which: fc.constantFrom(...which) }),
});
const usual = [
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(10, 200, 600, 5_000) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('away' as const),
      meanwhile: fc.array(fc.record(happening), { maxLength: 8 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'too-long' as const }) },
];
const crash = { weight: 1, arbitrary: fc.constant({ do: 'crash' as const }) };
const handler = {
  weight: 2,
  arbitrary: fc.record({ do: fc.constant('handler' as const), slow: fc.boolean() }),
};

interface Played {
  notices: Notice[];
  messages: string[];
  deletions: string[];
}

interface PlayOptions {
  mostWaiting?: number;
  /** What was lost without a sign shows with the next update of its scope. */
  end?: 'silence' | 'one-more-each';
}

async function play(commands: readonly Command[], options: PlayOptions = {}): Promise<Played> {
  const { mostWaiting = 1_000, end = 'silence' } = options;
  const server = new PlayedServer({ channels: [NEWS, CLUB] });
  const clock = createFakeClock();
  server.delay = { clock, ms: 70 };
  const store = new MemoryStore();
  const notices: Notice[] = [];
  let isSlow = false;
  let release: (() => void)[] = [];
  let life = 0;
  const start = async (): Promise<UpdateLoop> => {
    const mine = ++life;
    const take = async (batch: readonly Notice[]): Promise<void> => {
      if (isSlow) await new Promise<void>((resolve) => release.push(resolve));
      if (mine === life) notices.push(...batch);
    };
    // A process that died writes nothing more.
    const own: UpdateStore = {
      load: () => store.load(),
      save: (change) => (mine === life ? store.save(change) : Promise.resolve()),
    };
    return (await playedSession(server, { store: own, clock, handler: take, limits: { mostWaiting } })).loop;
  };
  let loop = await start();
  await clock.advance(1_000);
  // What a session has never heard of has no beginning: each channel is heard of once, unharmed.
  for (const scope of SCOPES) loop.receive(server.push([server.happen(scope)]));
  await clock.advance(3_000);
  let late: Api.TypeUpdate[] = [];
  const arriveLate = (): void => {
    for (const update of late.toReversed()) loop.receive(server.push([update]));
    late = [];
  };
  const free = (): void => {
    isSlow = false;
    for (const resolve of release) resolve();
    release = [];
  };
  for (const command of commands) {
    switch (command.do) {
      case 'happen': {
        const update = server.happen(command.scope, command.kind, command.count);
        if (command.fate === 'late') late.push(update);
        else if (command.fate !== 'lost') loop.receive(server.push([update]));
        if (command.fate === 'twice') loop.receive(server.push([update]));
        break;
      }
      case 'pass':
        await clock.advance(command.ms);
        arriveLate();
        break;
      case 'away':
        arriveLate();
        loop.disconnected();
        for (const { scope, kind, count } of command.meanwhile) server.happen(scope, kind, count);
        await clock.advance(10);
        loop.connected(server.invoke);
        break;
      case 'crash':
        arriveLate();
        loop.disconnected();
        loop = await start();
        break;
      case 'fault':
        server.faults.push(FAULTS[command.which]);
        break;
      case 'too-long':
        loop.receive({ className: 'UpdatesTooLong' } as Api.UpdatesTooLong);
        break;
      case 'handler':
        if (command.slow) isSlow = true;
        else free();
        break;
    }
  }
  free();
  arriveLate();
  await clock.advance(200_000);
  if (end === 'one-more-each') {
    server.faults.length = 0;
    loop.disconnected();
    loop.connected(server.invoke);
    await clock.advance(10_000);
    for (const scope of SCOPES) loop.receive(server.push([server.happen(scope)]));
    await clock.advance(200_000);
  }
  expect(loop.isSettled).toBe(true);
  await loop.close();
  const messages: string[] = [];
  const deletions: string[] = [];
  for (const [scope, { events }] of server.boxes) {
    for (const { message, deleted } of events) {
      if (message !== undefined) messages.push(`${scope} ${message}`);
      else deletions.push(`${scope} ${deleted!.join()}`);
    }
  }
  return { notices, messages, deletions };
}

function perScope(texts: readonly string[]): string[] {
  return SCOPES.flatMap((scope) => texts.filter((text) => text.startsWith(`${scope} `)));
}

type Weighted = { weight: number; arbitrary: fc.Arbitrary<Command> };

const commands = (...more: Weighted[]) =>
  fc.array(fc.oneof(...(usual as Weighted[]), ...more), { maxLength: 40, size: 'max' });

const RUNS = { numRuns: 250 };
const honest = happens('arrives', 'arrives', 'twice', 'late');
const hostile = happens('arrives', 'arrives', 'lost', 'twice', 'late');
const passing = fault('flood', 'server', 'outdated', 'timeout');

/** What the handler was told, to be compared with what happened. */
function told({ notices }: Played, causes: GapCause[]): Omit<Played, 'notices'> & { otherGaps: Gap[] } {
  return {
    messages: perScope(textsOf(notices)),
    deletions: perScope(deletedIn(notices)),
    otherGaps: gapsOf(notices).filter(({ cause, lost }) => lost !== 'uncounted' || !causes.includes(cause)),
  };
}

function happened({ messages, deletions }: Played): ReturnType<typeof told> {
  return { messages, deletions, otherGaps: [] };
}

test('early, late, twice, or while away: a history comes once and in order', async () => {
  const check = fc.asyncProperty(commands(honest, passing), async (given) => {
    const played = await play(given);
    expect(told(played, ['disconnected'])).toEqual(happened(played));
  });
  await fc.assert(check, RUNS);
}, 120_000);

test('what was lost on a connection comes once the next update shows it', async () => {
  const check = fc.asyncProperty(commands(hostile, passing, fault('closed')), async (given) => {
    const played = await play(given, { end: 'one-more-each' });
    expect(told(played, ['disconnected'])).toEqual(happened(played));
  });
  await fc.assert(check, RUNS);
}, 120_000);

test('a handler that stops taking updates loses none that are counted', async () => {
  const check = fc.asyncProperty(commands(honest, passing, handler), async (given) => {
    const played = await play(given, { mostWaiting: 4 });
    expect(told(played, ['disconnected', 'slow-handler'])).toEqual(happened(played));
  });
  await fc.assert(check, RUNS);
}, 120_000);

test('crashes repeat, and lose nothing', async () => {
  const given = commands(honest, passing, handler, crash);
  await fc.assert(
    fc.asyncProperty(given, async (one) => {
      const { notices, messages, deletions } = await play(one, { mostWaiting: 4 });
      expect([...new Set(perScope(textsOf(notices)))].toSorted()).toEqual(messages.toSorted());
      expect([...new Set(perScope(deletedIn(notices)))].toSorted()).toEqual(deletions.toSorted());
      expect(gapsOf(notices).filter(({ lost }) => lost !== 'uncounted')).toEqual([]);
    }),
    RUNS,
  );
}, 120_000);
