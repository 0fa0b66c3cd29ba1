import type { Actor } from '#gen/telegate/messaging/v1/messaging_pb.ts';
import type { CallContext } from '#lib/rpc/implement.ts';
import type { Api } from '#lib/telegram/client.ts';
import type { ConnectionState } from '#lib/telegram/lasting-link.ts';
import type { PipelineLimits } from '#lib/telegram/pipeline.ts';
import type { UpdateLoop } from '#lib/telegram/updates.ts';
import type { UpdateHandler } from '#lib/telegram/updates/delivery.ts';
import type { UpdateStore } from '#lib/telegram/updates/state.ts';

/** Without a deadline and a signal of its own a call has those of the RPC that it is made for. */
export interface LiveCallOptions extends Partial<PipelineLimits> {
  /** Wait out a flood wait that ends before the deadline, rather than throw FloodWait. */
  readonly waitForFlood?: boolean;
}

/** An account's session held by this process, connected or connecting. */
export interface LiveSession {
  readonly sessionId: bigint;
  /** Empty while no account is known for the session. */
  readonly accountId: string;
  readonly tenantId: string;
  /** Known once the account was connected to for the first time. */
  readonly userId: bigint | undefined;
  readonly environment: string;
  readonly state: ConnectionState;
  /** Waits its turn among the callers of the session. Rejects with a DomainError. */
  call<R extends Api.AnyRequest>(request: R, options?: LiveCallOptions): Promise<R['__response']>;
  /** None where nobody asked for updates (UpdatesSource). */
  readonly updates: UpdateLoop | undefined;
}

export type SessionEvent = 'up' | 'down' | 'state';

/** One of the two names it. */
export interface KeptAccount {
  readonly tenantId: string;
  readonly accountId?: string;
  readonly sessionId?: bigint;
}

/** Where a kept session is. */
export type Standing =
  | { readonly kind: 'here'; readonly session: LiveSession }
  /** Another process of messaging holds it, and keeps it for us. */
  | { readonly kind: 'elsewhere'; readonly sessionId: bigint | undefined; readonly processId: string }
  /** It can not be held now (leased to somebody, needs login, paused …); it is tried again. */
  | { readonly kind: 'refused'; readonly error: Error };

/** How every RPC reaches an account. */
export interface Connections {
  /**
   * Does `work` with the session that the actor names, which this process finds or takes; `work` sees it bound to
   * the caller (deadline, signal, turn in the queue). A session that another process of messaging holds makes `use`
   * throw HeldElsewhere: routes.ts sends the whole RPC there. So nothing that leaves a trace comes before `use`.
   */
  use<T>(actor: Actor | undefined, ctx: CallContext, work: (session: LiveSession) => Promise<T>): Promise<T>;
  /**
   * Keeps a session connected and its updates flowing until the signal aborts, here or in the process that holds
   * it, and takes it anew whenever it was lost. Never throws.
   */
  keep(account: KeptAccount, signal: AbortSignal, onStanding?: (standing: Standing) => void): void;
  /** `up`: taken by this process; `state`: its connection changed; `down`: held here no more. */
  onSession(listener: (session: LiveSession, event: SessionEvent) => void): () => void;
  /** Held here now. */
  sessions(): Iterable<LiveSession>;
}

/** What watching plugs in: where a session's updates go, and where it stands in them. */
export type UpdatesSource = (
  session: Pick<LiveSession, 'sessionId' | 'accountId' | 'tenantId'> & { readonly userId: bigint },
) => { readonly store: UpdateStore; readonly handler: UpdateHandler } | undefined;
