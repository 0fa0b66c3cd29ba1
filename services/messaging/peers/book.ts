import { createBatcher } from '#lib/batching/batcher.ts';
import type { Clock } from '#lib/lifecycle/clock.ts';
import { transaction, withRetry } from '#lib/postgres/transaction.ts';
import { Api, wireLong } from '#lib/telegram/client.ts';
import { TelegramRefused } from '#lib/telegram/errors.ts';
import { native } from '#lib/telegram/updates/counters.ts';
import type { Entities } from '#lib/telegram/updates/notice.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import type { LiveCallOptions, LiveSession } from '../connections/live-session.ts';
import { formOf, formOfEntity, peerOf } from '../messages.ts';
import type { MessagingDatabase } from '../tables.ts';
import { NobodyThere, PeerNeverSeen } from './errors.ts';
import {
  findByForm,
  findByName,
  forgetOldest,
  forgetPeer,
  savePeers,
  usernameKey,
  type KnownPeer,
  type LearnedPeer,
} from './store.ts';
import { createRecent } from './recent.ts';
import type { Target } from './target.ts';

type Session = Pick<LiveSession, 'sessionId' | 'tenantId' | 'userId' | 'call'>;

/** Whom each session knows. */
export interface PeerBook {
  /** Throws PeerNeverSeen and NobodyThere. `fresh` asks Telegram for a name whatever is remembered. */
  resolve(session: Session, target: Target, options?: { fresh?: boolean }): Promise<KnownPeer>;
  /** Calls Telegram, and learns whom the answer speaks of. */
  call<R extends Api.AnyRequest>(
    session: Session,
    request: R,
    options?: LiveCallOptions,
  ): Promise<R['__response']>;
  /** What came along with an update or an answer. */
  teach(session: Pick<Session, 'sessionId' | 'tenantId'>, entities: Entities): void;
  /** Telegram does not take the peer from this session. */
  forget(session: Session, peer: KnownPeer): Promise<void>;
  /** Resolves when all that was taught is written. */
  written(): Promise<void>;
}

export interface PeerBookParts {
  readonly database: MessagingDatabase;
  readonly clock: Clock;
  readonly log: Logger;
  /** Of a session, in Postgres. */
  readonly mostPeers?: number;
}

/** In the memory of this process, over all sessions. */
const MOST_REMEMBERED = 100_000;
const MOST_PEERS = 20_000;
/** New peers of a session between two looks at whether it has too many. */
const LOOK_EVERY = 500;
const GATHER_MS = 20;
const BATCH = 500;
const NAME_MS = 6 * 3_600_000;
const TOUCH_MS = 12 * 3_600_000;

interface Seen {
  readonly peer: KnownPeer;
  readonly at: number;
}

export function createPeerBook({ database, clock, log, mostPeers = MOST_PEERS }: PeerBookParts): PeerBook {
  const seen = createRecent<Seen>(MOST_REMEMBERED);
  const names = createRecent<{ form: KnownPeer['form']; at: number }>(MOST_REMEMBERED);
  const sinceLook = createRecent<number>(MOST_REMEMBERED);
  const writing = new Set<Promise<void>>();

  const writer = createBatcher<LearnedPeer, void>({
    name: 'peers learn',
    maxItems: BATCH,
    gatherMs: GATHER_MS,
    clock,
    async run(items) {
      const last = new Map(items.map((one) => [keyOf(one.sessionId, one.peer.form), one]));
      await transaction(database, (trx) => savePeers(trx, [...last.values()]));
      return items.map(() => undefined);
    },
  });

  function write(learned: LearnedPeer): void {
    const work = writer
      .submit(learned)
      .then(() => bound(learned.sessionId))
      .catch((error: unknown) => {
        // It is taught again with the next answer that speaks of it, once memory has let go of it.
        seen.delete(keyOf(learned.sessionId, learned.peer.form));
        log.warn({ event: 'peers_not_written', err: error }, 'whom a session met could not be written');
      })
      .finally(() => writing.delete(work));
    writing.add(work);
  }

  async function bound(sessionId: bigint): Promise<void> {
    const key = String(sessionId);
    const count = (sinceLook.get(key) ?? 0) + 1;
    sinceLook.set(key, count % Math.min(LOOK_EVERY, mostPeers));
    if (count % Math.min(LOOK_EVERY, mostPeers) === 0)
      await forgetOldest(database.kysely, sessionId, mostPeers);
  }

  function remember(sessionId: bigint, peer: KnownPeer, name?: string): void {
    const at = clock.monotonic();
    seen.set(keyOf(sessionId, peer.form), { peer, at });
    for (const one of [usernameKey(peer.username), name ?? ''])
      if (one !== '') names.set(keyOf(sessionId, one), { form: peer.form, at });
  }

  function learn(
    { sessionId, tenantId }: Pick<Session, 'sessionId' | 'tenantId'>,
    peer: KnownPeer,
    alias = '',
  ): void {
    const before = seen.get(keyOf(sessionId, peer.form));
    const isSame =
      before !== undefined && isEqual(before.peer, peer) && before.at > clock.monotonic() - TOUCH_MS;
    if (isSame && alias === '') return;
    if (before && before.peer.username !== peer.username)
      names.delete(keyOf(sessionId, usernameKey(before.peer.username)));
    remember(sessionId, peer, alias);
    write({ sessionId, tenantId, peer, alias });
  }

  function teach(session: Pick<Session, 'sessionId' | 'tenantId'>, { users, chats }: Entities): void {
    for (const entity of [...users, ...chats]) {
      const peer = knownPeer(entity);
      if (peer) learn(session, peer);
    }
  }

  async function call<R extends Api.AnyRequest>(
    session: Session,
    request: R,
    options?: LiveCallOptions,
  ): Promise<R['__response']> {
    const answer: R['__response'] = await session.call(request, options);
    const came = entitiesIn(answer);
    if (came) teach(session, came);
    return answer;
  }

  function inMemory(sessionId: bigint, target: Target): KnownPeer | undefined {
    if (target.kind === 'form') return seen.get(keyOf(sessionId, target.form))?.peer;
    const named = names.get(keyOf(sessionId, target.name));
    if (!named || named.at < clock.monotonic() - NAME_MS) return undefined;
    return seen.get(keyOf(sessionId, named.form))?.peer;
  }

  async function stored(sessionId: bigint, target: Target): Promise<KnownPeer | undefined> {
    const found = await withRetry(() =>
      target.kind === 'form'
        ? findByForm(database.kysely, sessionId, target.form)
        : findByName(database.kysely, sessionId, target.name),
    );
    if (found) remember(sessionId, found, target.kind === 'form' ? undefined : target.name);
    return found;
  }

  async function askTelegram(
    session: Session,
    target: Exclude<Target, { kind: 'form' }>,
  ): Promise<KnownPeer> {
    const { kind, name } = target;
    const bare = name.slice(1);
    const request =
      kind === 'username'
        ? new Api.contacts.ResolveUsername({ username: bare })
        : new Api.contacts.ResolvePhone({ phone: bare });
    let answer: Api.contacts.ResolvedPeer;
    try {
      answer = await call(session, request);
    } catch (error) {
      if (error instanceof TelegramRefused && NOBODY.has(error.telegramError.type))
        throw new NobodyThere(kind);
      throw error;
    }
    const form = formOf(answer.peer);
    const entity = [...answer.users, ...answer.chats].find((one) => formOfEntity(one) === form);
    const peer = entity && knownPeer(entity);
    if (!peer) throw new NobodyThere(kind);
    const shown = kind === 'phone' && peer.phone === '' ? { ...peer, phone: name } : peer;
    learn(session, shown, name);
    return shown;
  }

  return {
    call,
    teach,
    async resolve(session, target, { fresh = false } = {}) {
      const { sessionId, userId } = session;
      if (target.kind === 'form' && target.form === `user:${userId}`) return selfPeer(target.form);
      if (!fresh) {
        const known = inMemory(sessionId, target) ?? (await stored(sessionId, target));
        if (known) return known;
      }
      if (target.kind !== 'form') return askTelegram(session, target);
      throw new PeerNeverSeen(target.form);
    },
    async forget({ sessionId }, { form, username, phone }) {
      seen.delete(keyOf(sessionId, form));
      for (const name of [usernameKey(username), phone]) names.delete(keyOf(sessionId, name));
      await transaction(database, (trx) => forgetPeer(trx, sessionId, form));
    },
    async written() {
      while (writing.size > 0) await Promise.all(writing);
    },
  };
}

const NOBODY: ReadonlySet<string> = new Set([
  'USERNAME_NOT_OCCUPIED',
  'USERNAME_INVALID',
  'PHONE_NOT_OCCUPIED',
]);

function keyOf(sessionId: bigint, what: string): string {
  return `${sessionId} ${what}`;
}

function isEqual(a: KnownPeer, b: KnownPeer): boolean {
  return (
    a.kind === b.kind &&
    a.accessHash === b.accessHash &&
    a.title === b.title &&
    a.username === b.username &&
    (b.phone === '' || a.phone === b.phone)
  );
}

const SELF_HASH = 0n;

function selfPeer(form: KnownPeer['form']): KnownPeer {
  const { kind } = peerOf(form);
  return { form, kind, accessHash: SELF_HASH, title: '', username: '', phone: '' };
}

/** One shown only in part has a hash that is good for nothing. */
function knownPeer(entity: Api.TypeUser | Api.TypeChat): KnownPeer | undefined {
  if (entity.className === 'User' && (entity.min || entity.self)) return undefined;
  if (entity.className === 'Channel' && entity.min) return undefined;
  if (entity.className === 'UserEmpty' || entity.className === 'ChatEmpty') return undefined;
  const hash = 'accessHash' in entity && entity.accessHash ? native(entity.accessHash) : 0n;
  const { peer, kind, title, username, phone } = peerOf(formOfEntity(entity), entity);
  return { form: peer as KnownPeer['form'], kind, accessHash: hash, title, username, phone };
}

function entitiesIn(answer: unknown): Entities | undefined {
  const { users, chats } = (answer ?? {}) as Partial<Entities>;
  if (!Array.isArray(users) && !Array.isArray(chats)) return undefined;
  return { users: users ?? [], chats: chats ?? [] };
}

/** How Telegram is told whom a call is about. */
export function inputPeerOf({ form, accessHash }: KnownPeer, userId: bigint | undefined): Api.TypeInputPeer {
  const { of, id } = partsOf(form);
  const hash = wireLong(accessHash);
  if (of === 'user' && id === userId) return new Api.InputPeerSelf();
  if (of === 'user') return new Api.InputPeerUser({ userId: wireLong(id), accessHash: hash });
  if (of === 'chat') return new Api.InputPeerChat({ chatId: wireLong(id) });
  return new Api.InputPeerChannel({ channelId: wireLong(id), accessHash: hash });
}

/** Undefined for what is no channel, nor a group of the new kind. */
export function inputChannelOf({ form, accessHash }: KnownPeer): Api.InputChannel | undefined {
  const { of, id } = partsOf(form);
  if (of !== 'channel') return undefined;
  return new Api.InputChannel({ channelId: wireLong(id), accessHash: wireLong(accessHash) });
}

function partsOf(form: KnownPeer['form']): { of: string; id: bigint } {
  const [of, id] = form.split(':') as [string, string];
  return { of, id: BigInt(id) };
}
