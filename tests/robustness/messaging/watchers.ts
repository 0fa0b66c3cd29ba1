import {
  MessagingService,
  type WatchMessagesResponse,
} from '#gen/telegate/messaging/v1/messaging_service_pb.ts';
import { ConnectionState } from '#gen/telegate/messaging/v1/messaging_pb.ts';
import { reasonName } from '#lib/rpc/status.ts';
import { DomainError } from '#lib/rpc/errors.ts';
import { monotonic, pause } from '../time.ts';
import { callerOf, clientsOf } from './clients.ts';
import type { ToldEntry } from './entries.ts';
import type { Post } from './post.ts';

export interface Watchers {
  readonly done: Promise<void>;
  /** Resolves when every watcher was told that its accounts are connected. */
  readonly begun: Promise<unknown>;
  /** Whether every watcher saw this text on this account. */
  haveSeen(account: string, text: string): boolean;
}

/** Watches of all, of one replica's liking, of a few: each begins again where its last stream stopped. */
export function startWatchers(post: Post): Watchers {
  const { mesh, recorder, random, signal } = post;
  const { members } = mesh;
  const all = members.map(({ accountId }) => accountId);
  const wanted: readonly (readonly string[] | undefined)[] = [
    undefined,
    all.slice(0, 8),
    all.slice(4),
    [all[0]!],
    all,
  ];
  const clients = clientsOf(
    MessagingService,
    mesh.addresses,
    mesh.cluster.meshKey,
    callerOf(members[0]!.tenantId, 'key:watcher'),
  );
  const seen: { accounts: readonly string[]; texts: Set<string> }[] = [];

  function start(accountIds: readonly string[] | undefined, index: number) {
    const watcher = `watcher-${index}`;
    const chance = random.fork(watcher);
    const accounts = accountIds ?? all;
    const own = { accounts, texts: new Set<string>() };
    seen.push(own);
    recorder.write({ kind: 'watcher', watcher, accounts });
    const up = new Set<string>();
    const begun = Promise.withResolvers<void>();

    async function run(): Promise<void> {
      let cursor = '';
      let replica = index % 2;
      for (let stream = 1; !signal.aborted; stream += 1) {
        const t = monotonic();
        const from = cursor === '' ? undefined : positionOf(cursor);
        const restart = new AbortController();
        // Only who has begun may lose its patience: a first stream that ends early would have nowhere to go on.
        const patience = cursor === '' ? 120_000 : chance.between(3_000, 20_000);
        const timer = setTimeout(() => restart.abort(), patience);
        const ending = AbortSignal.any([signal, restart.signal]);
        let reason = 'OK';
        try {
          const events = clients
            .at(replica)
            .watchMessages(accountIds ? { accountIds: [...accountIds], cursor } : { cursor }, {
              signal: ending,
            });
          for await (const event of events) {
            cursor = event.cursor;
            recorder.write(toldEntry(watcher, stream, event));
            if (event.event.case === 'messageAdded')
              own.texts.add(`${event.accountId} ${event.event.value.text}`);
            if (event.event.case === 'connectionState' && event.event.value === ConnectionState.CONNECTED) {
              up.add(event.accountId);
              if (up.size === accounts.length) begun.resolve();
            }
          }
        } catch (error) {
          reason = error instanceof DomainError ? reasonName(error.reason) : 'BROKEN';
        }
        clearTimeout(timer);
        const endedBy = ending.aborted ? 'us' : 'them';
        recorder.write({
          kind: 'stream',
          t,
          end: monotonic(),
          watcher,
          stream,
          replica,
          from,
          endedBy,
          reason,
        });
        if (endedBy === 'them' || chance.chance(0.5)) replica = 1 - replica;
        await pause(chance.between(20, 500), signal);
      }
    }
    return { done: run(), begun: begun.promise };
  }

  const started = wanted.map(start);
  return {
    done: Promise.all(started.map(({ done }) => done)).then(() => clients.close()),
    begun: Promise.all(started.map(({ begun }) => begun)),
    haveSeen: (account, text) =>
      seen.every(({ accounts, texts }) => !accounts.includes(account) || texts.has(`${account} ${text}`)),
  };
}

const STATES = new Map(
  Object.entries(ConnectionState).map(([name, value]) => [value as ConnectionState, name]),
);

function positionOf(cursor: string): number {
  return Number(cursor.slice(cursor.indexOf('.') + 1));
}

function toldEntry(watcher: string, stream: number, event: WatchMessagesResponse): ToldEntry {
  const entry: ToldEntry = {
    kind: 'told',
    t: monotonic(),
    watcher,
    stream,
    position: positionOf(event.cursor),
    account: event.accountId,
    what: event.event.case ?? 'nothing',
  };
  switch (event.event.case) {
    case 'messageAdded': {
      const { peer, messageId, text } = event.event.value;
      return { ...entry, peer: peer?.peer ?? '', message: Number(messageId), text };
    }
    case 'connectionState':
      return { ...entry, says: STATES.get(event.event.value) ?? '' };
    case 'gap':
      return { ...entry, says: event.event.value.reason };
    default:
      return entry;
  }
}
