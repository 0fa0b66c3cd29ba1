/** Where a session stands in what Telegram has told it: enough to ask for all that came since. */
export interface UpdateState {
  pts: number;
  qts: number;
  /** Epoch seconds, by Telegram's clock. */
  date: number;
  seq: number;
  channels: Map<bigint, ChannelState>;
}

export interface ChannelState {
  pts: number;
  /** 0 when only a min constructor was seen: its difference can not be asked for then. */
  accessHash: bigint;
}

/** What changed since the last save; `channels` has only those that moved. */
export interface StateChange {
  readonly pts: number;
  readonly qts: number;
  readonly date: number;
  readonly seq: number;
  readonly channels: ReadonlyMap<bigint, ChannelState>;
  /** Channels the account can not read any more. */
  readonly gone: ReadonlySet<bigint>;
}

export interface UpdateStore {
  /** Undefined for a session that never ran: it starts from now. */
  load(): Promise<UpdateState | undefined>;
  save(change: StateChange): Promise<void>;
}
