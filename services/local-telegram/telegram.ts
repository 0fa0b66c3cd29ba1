import { AuthorizationEnd } from '#gen/telegate/local_telegram/v1/world_pb.ts';
import { ConnectionEnd } from '#gen/telegate/local_telegram/v1/log_pb.ts';
import type { Clock } from '#lib/lifecycle/clock.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import type { Connection } from './connection.ts';
import type { DhSide } from './crypto/dh.ts';
import { sha1 } from './crypto/hash.ts';
import type { ServerKey } from './crypto/rsa.ts';
import { Faults } from './faults.ts';
import { FloodLimits } from './flood-limits.ts';
import { Log } from './log.ts';
import { Logins } from './logins.ts';
import { KeyUses } from './session/key-uses.ts';
import { MtSession } from './session/session.ts';
import { encode } from './tl.ts';
import type { Account, KeyRecord, WorldState } from './world/state.ts';
import type { World } from './world/world.ts';

export interface DataCenterAddress {
  id: number;
  host: string;
  port: number;
}

export interface TelegramSettings {
  codeLifetimeMs: number;
  callLogLimit: number;
}

/** What runs under a key, beside what is kept of it. */
interface LiveKey {
  sessions: Map<bigint, MtSession>;
  uses: KeyUses<Connection>;
}

const MOST_SESSIONS = 64;
const NO_KEYS: ReadonlySet<KeyRecord> = new Set();

/** The local Telegram at work: its world, its keys and sessions, its log and its faults. */
export class Telegram {
  readonly world: World;
  readonly log: Log;
  readonly faults: Faults;
  readonly floods = new FloodLimits();
  readonly logins: Logins;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: (size: number) => Buffer;
  readonly serverKey: ServerKey;
  readonly dh: DhSide;
  readonly settings: TelegramSettings;
  readonly connections = new Set<Connection>();
  readonly dataCenters: DataCenterAddress[] = [];
  readonly #live = new Map<string, LiveKey>();
  readonly #online = new Map<number, Set<MtSession>>();
  readonly #authorized = new Map<number, Set<KeyRecord>>();

  constructor(options: {
    state: WorldState;
    clock: Clock;
    logger: Logger;
    random: (size: number) => Buffer;
    serverKey: ServerKey;
    dh: DhSide;
    settings: TelegramSettings;
  }) {
    this.clock = options.clock;
    this.logger = options.logger;
    this.random = options.random;
    this.serverKey = options.serverKey;
    this.dh = options.dh;
    this.settings = options.settings;
    this.log = new Log(options.clock, options.settings.callLogLimit);
    this.logins = new Logins(options.clock, options.settings.codeLifetimeMs, options.random);
    this.faults = new Faults({
      now: () => this.log.now(),
      random: () => options.random(4).readUInt32LE() / 2 ** 32,
      onStrike: () => (this.log.counters.faultsStruck += 1),
    });
    this.world = {
      state: options.state,
      now: () => this.log.now(),
      random: options.random,
      push: (accountId, make, origin) => this.#push(accountId, make, origin),
      online: () => this.#online.keys(),
    };
    this.#indexKeys();
  }

  key(id: string): KeyRecord | undefined {
    return this.world.state.keys.get(id);
  }

  addKey(key: { key: Buffer; id: Buffer; salt: bigint }, dataCenter: number): KeyRecord {
    const record: KeyRecord = {
      id: key.id.toString('hex'),
      idBytes: Buffer.from(key.id),
      key: key.key,
      dataCenter,
      firstSalt: key.salt,
      createSeconds: Math.floor(this.world.now() / 1_000),
      authorization: undefined,
      passwordPendingFor: 0,
      loginToken: '',
      layer: 0,
      device: '',
      apiId: 0,
    };
    this.world.state.keys.set(record.id, record);
    return record;
  }

  /** A key that is logged in, without an exchange and a code. */
  makeAuthorizedKey(account: Account): KeyRecord {
    const key = this.random(256);
    const id = sha1(key).subarray(12, 20);
    const record = this.addKey({ key, id, salt: this.random(8).readBigInt64LE() }, account.dataCenter);
    const connectionIds: number[] = [];
    this.log.key('keyCreated', {
      keyId: record.id,
      accountId: 0,
      dataCenter: record.dataCenter,
      connectionIds,
    });
    this.authorize(record, account.id);
    return record;
  }

  /** The account that a key is logged in as, while that holds. */
  accountOf(key: KeyRecord): Account | undefined {
    const { authorization } = key;
    if (!authorization || authorization.end !== AuthorizationEnd.UNSPECIFIED) return undefined;
    return this.world.state.accounts.get(authorization.accountId);
  }

  authorize(
    key: KeyRecord,
    accountId: number,
    options: { imported?: boolean; connectionId?: number } = {},
  ): void {
    if (key.authorization) this.#authorized.get(key.authorization.accountId)?.delete(key);
    key.passwordPendingFor = 0;
    key.loginToken = '';
    key.authorization = {
      accountId,
      createTime: this.world.now(),
      lastCallTime: undefined,
      end: AuthorizationEnd.UNSPECIFIED,
      endTime: undefined,
      imported: options.imported ?? false,
    };
    this.#index(key, accountId);
    const connectionIds = options.connectionId === undefined ? [] : [options.connectionId];
    this.log.key('keyAuthorized', { keyId: key.id, accountId, dataCenter: key.dataCenter, connectionIds });
    for (const session of this.#live.get(key.id)?.sessions.values() ?? []) this.#listen(session);
  }

  /** The keys that are logged in as an account. */
  keysOf(accountId: number): ReadonlySet<KeyRecord> {
    return this.#authorized.get(accountId) ?? NO_KEYS;
  }

  /** Ends an authorisation; the first end stays. */
  endAuthorization(key: KeyRecord, end: AuthorizationEnd, connections: Connection[] = []): void {
    const { authorization } = key;
    if (!authorization || authorization.end !== AuthorizationEnd.UNSPECIFIED) return;
    authorization.end = end;
    this.#authorized.get(authorization.accountId)?.delete(key);
    authorization.endTime = this.world.now();
    const online = this.#online.get(authorization.accountId);
    for (const session of this.#live.get(key.id)?.sessions.values() ?? []) online?.delete(session);
    if (online?.size === 0) this.#online.delete(authorization.accountId);
    this.log.key(end === AuthorizationEnd.DUPLICATED ? 'keyDuplicated' : 'keyEnded', {
      keyId: key.id,
      accountId: authorization.accountId,
      dataCenter: key.dataCenter,
      connectionIds: connections.map(({ record }) => record.id),
    });
    if (end === AuthorizationEnd.KEY_DESTROYED) this.#forgetSessions(key);
  }

  /** The session of a message, made when it is new; the oldest without a connection gives way. */
  session(key: KeyRecord, id: bigint): { session: MtSession; isNew: boolean } {
    const { sessions } = this.#liveKey(key);
    const known = sessions.get(id);
    if (known) return { session: known, isNew: false };
    if (sessions.size >= MOST_SESSIONS) {
      const idle = [...sessions.values()].find(({ wire }) => wire === undefined);
      if (idle) sessions.delete(idle.id);
    }
    const session = new MtSession({
      id,
      idText: BigInt.asUintN(64, id).toString(16).padStart(16, '0'),
      key,
      random: this.random,
      setTimer: (ms, fire) => this.clock.setTimer(ms, fire),
    });
    sessions.set(id, session);
    return { session, isNew: true };
  }

  destroySession(key: KeyRecord, id: bigint): boolean {
    const live = this.#live.get(key.id);
    const session = live?.sessions.get(id);
    if (!session) return false;
    live!.sessions.delete(id);
    this.#unlisten(session);
    return true;
  }

  /** Forgets a key: packets under it are answered -404 from then on. */
  destroyKey(key: KeyRecord): void {
    if (key.authorization) this.endAuthorization(key, AuthorizationEnd.KEY_DESTROYED);
    else {
      this.world.state.keys.delete(key.id);
      this.#forgetSessions(key);
    }
  }

  /** Lets a session get the updates of its account. */
  subscribe(session: MtSession): void {
    if (session.wantsUpdates) return;
    session.wantsUpdates = true;
    this.#listen(session);
  }

  sessionAttached(session: MtSession): void {
    if (session.wantsUpdates) this.#listen(session);
  }

  /** Notes a valid message; a key that it shows in two places is dead. */
  noteUse(key: KeyRecord, connection: Connection, sessionId: bigint): void {
    const both = this.#liveKey(key).uses.note(connection, sessionId);
    // A key that is not logged in may serve several connections: there is nothing to lose by it.
    if (both && key.authorization)
      this.endAuthorization(key, AuthorizationEnd.DUPLICATED, [both.older, both.newer]);
  }

  connectionClosed(connection: Connection, keys: Iterable<KeyRecord>, sessions: Iterable<MtSession>): void {
    this.connections.delete(connection);
    for (const session of sessions) {
      session.detach(connection);
      if (session.wire === undefined) this.#unlisten(session);
    }
    for (const key of keys) this.#live.get(key.id)?.uses.forget(connection);
  }

  /** Drops all that runs on the world that is being forgotten. */
  dropSessions(): void {
    for (const connection of this.connections) connection.close(ConnectionEnd.SERVER_CLOSED);
    this.#live.clear();
    this.#online.clear();
    this.#authorized.clear();
    this.logins.clear();
  }

  #indexKeys(): void {
    for (const key of this.world.state.keys.values()) {
      const account = this.accountOf(key);
      if (account) this.#index(key, account.id);
    }
  }

  #index(key: KeyRecord, accountId: number): void {
    const keys = this.#authorized.get(accountId);
    if (keys) keys.add(key);
    else this.#authorized.set(accountId, new Set([key]));
  }

  /** Pushes to the sessions under one key, whoever it is logged in as: for QR logins. */
  pushToKey(key: KeyRecord, body: Buffer): void {
    for (const session of this.#live.get(key.id)?.sessions.values() ?? [])
      if (session.wire && session.sendContent(body)) this.log.counters.updatesPushed += 1;
  }

  #push(accountId: number, make: () => Parameters<typeof encode>[0], origin: object | undefined): void {
    const sessions = this.#online.get(accountId);
    if (!sessions) return;
    let body: Buffer | undefined;
    for (const session of sessions) {
      if (session === origin) continue;
      const connection = session.wire as Connection | undefined;
      if (!connection || connection.holdsUpdates(session)) continue;
      body ??= encode(make());
      if (session.sendContent(body)) this.log.counters.updatesPushed += 1;
    }
  }

  #listen(session: MtSession): void {
    const account = this.accountOf(session.key);
    if (!account || !session.wantsUpdates || !session.wire) return;
    const online = this.#online.get(account.id);
    if (online) online.add(session);
    else this.#online.set(account.id, new Set([session]));
  }

  #unlisten(session: MtSession): void {
    const accountId = session.key.authorization?.accountId;
    const online = accountId === undefined ? undefined : this.#online.get(accountId);
    if (online?.delete(session) && online.size === 0) this.#online.delete(accountId!);
  }

  #forgetSessions(key: KeyRecord): void {
    const live = this.#live.get(key.id);
    this.#live.delete(key.id);
    for (const session of live?.sessions.values() ?? []) this.#unlisten(session);
    for (const connection of live?.uses.connections ?? []) connection.endSoon(ConnectionEnd.SERVER_CLOSED);
  }

  #liveKey(key: KeyRecord): LiveKey {
    let live = this.#live.get(key.id);
    if (!live) {
      live = { sessions: new Map(), uses: new KeyUses() };
      this.#live.set(key.id, live);
    }
    return live;
  }
}
