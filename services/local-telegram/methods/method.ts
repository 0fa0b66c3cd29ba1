import type { TlObject } from '../codec/object.ts';
import type { Connection } from '../connection.ts';
import type { CallRecord } from '../log.ts';
import { RpcError } from '../rpc-error.ts';
import type { MtSession } from '../session/session.ts';
import type { Telegram } from '../telegram.ts';
import type { Account, KeyRecord } from '../world/state.ts';
import { seconds, type World } from '../world/world.ts';

/** What a method knows of the call it answers. */
export class Caller {
  readonly telegram: Telegram;
  readonly connection: Connection;
  readonly session: MtSession;
  readonly call: CallRecord;

  constructor(telegram: Telegram, connection: Connection, session: MtSession, call: CallRecord) {
    this.telegram = telegram;
    this.connection = connection;
    this.session = session;
    this.call = call;
  }

  get world(): World {
    return this.telegram.world;
  }

  get key(): KeyRecord {
    return this.session.key;
  }

  /** The account that is logged in. */
  get account(): Account {
    const account = this.telegram.accountOf(this.key);
    if (!account) throw new RpcError('AUTH_KEY_UNREGISTERED');
    return account;
  }

  /** Epoch seconds as the client sees them. */
  now(): number {
    return seconds(this.connection.clientNow());
  }
}

export interface Method {
  name: string;
  /** Whether it can be called before a login. */
  isOpen: boolean;
  /** Changes something: refused to frozen accounts. */
  writes: boolean;
  /** Works in any data centre. */
  isEverywhere: boolean;
  run(query: TlObject, caller: Caller): unknown;
}

interface Traits {
  isOpen?: boolean;
  writes?: boolean;
  isEverywhere?: boolean;
}

/** `Q` are the fields of the method that are used, as the codec reads them. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- it types the handler at each use
export function method<Q>(name: string, traits: Traits, run: (query: Q, caller: Caller) => unknown): Method {
  return {
    name,
    isOpen: traits.isOpen ?? false,
    writes: traits.writes ?? false,
    isEverywhere: traits.isEverywhere ?? traits.isOpen ?? false,
    run: (query, caller) => run(query as unknown as Q, caller),
  };
}
