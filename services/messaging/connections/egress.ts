import type { ProxyRegistryService } from '#gen/telegate/proxy_registry/v1/proxy_registry_service_pb.ts';
import { servicePrincipal } from '#lib/auth/principal.ts';
import type { Clock, Timer } from '#lib/lifecycle/clock.ts';
import type { Client } from '#lib/rpc/client.ts';
import { direct, type Egress } from '#lib/telegram/egress.ts';
import { NoEgress } from '#lib/telegram/errors.ts';
import type { Logger } from '#lib/telemetry/log.ts';

/** A session's way to Telegram, kept for it while its socket may live. */
export interface WayOut {
  readonly egress: Egress;
  /** Called after the socket's close event. */
  closed(): void;
}

export interface DialledSession {
  readonly sessionId: bigint;
  readonly tenantId: string;
  readonly accountId: string;
}

export interface WaysOut {
  /** `lost` is called when the way is the session's no more: its socket must be closed. */
  resolve(session: DialledSession, lost: () => void): Promise<WayOut>;
  close(): Promise<void>;
}

/** Without a registry of proxies every connection is direct, or there is none. */
export function withoutRegistry(options: { allowDirect: boolean }): WaysOut {
  return {
    resolve({ sessionId }) {
      if (!options.allowDirect) return Promise.reject(new NoEgress(sessionId));
      return Promise.resolve({ egress: direct, closed: () => undefined });
    },
    close: () => Promise.resolve(),
  };
}

export interface RegistryOptions {
  readonly processId: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A hold lasts a minute. */
const HOLD_EVERY_MS = 20_000;
const CLOSED_WITHIN_MS = 1_000;
const CALL_LIMIT_MS = 5_000;
const HOLDS_A_CALL = 10_000;

export function fromRegistry(
  registry: Client<typeof ProxyRegistryService>,
  { processId, clock, log }: RegistryOptions,
): WaysOut {
  const held = new Map<string, () => void>();
  let over: string[] = [];
  let timer: Timer | undefined;
  let heldAt = clock.monotonic();
  let isClosed = false;
  const neverAborted = new AbortController().signal;
  const callOf = (tenantId: string) => ({
    principal: servicePrincipal('messaging', tenantId),
    signal: neverAborted,
    remainingMs: () => CALL_LIMIT_MS,
  });

  function plan(ms: number): void {
    timer?.cancel();
    if (isClosed) return;
    timer = clock.setTimer(ms, () => void renew());
  }

  async function hold(holds: { holdIds?: string[]; closedHoldIds?: string[] }): Promise<void> {
    const { lostHoldIds } = await registry.holdEgress({ processId, ...holds }, { parent: callOf(NO_TENANT) });
    for (const holdId of lostHoldIds) {
      const lost = held.get(holdId);
      held.delete(holdId);
      lost?.();
    }
  }

  /** For all sockets of the process, of any tenants. */
  async function renew(): Promise<void> {
    const closedHoldIds = over.splice(0, HOLDS_A_CALL);
    const isDue = clock.monotonic() - heldAt >= HOLD_EVERY_MS - CLOSED_WITHIN_MS;
    const due = isDue ? [...held.keys()] : [];
    try {
      if (closedHoldIds.length > 0) await hold({ closedHoldIds });
      for (let from = 0; from < due.length; from += HOLDS_A_CALL)
        await hold({ holdIds: due.slice(from, from + HOLDS_A_CALL) });
      if (isDue) heldAt = clock.monotonic();
    } catch (error) {
      // Said twice, it does no harm.
      over = [...closedHoldIds, ...over];
      log.warn({ event: 'ways_out_not_held', err: error }, 'ways out are kept at the next attempt');
    }
    plan(over.length > 0 ? CLOSED_WITHIN_MS : HOLD_EVERY_MS / 4);
  }

  plan(HOLD_EVERY_MS / 4);
  return {
    async resolve({ tenantId, sessionId, accountId }, lost) {
      const answer = await registry.resolveEgress(
        { accountId, sessionId, processId },
        { parent: callOf(tenantId) },
      );
      const { holdId } = answer;
      held.set(holdId, lost);
      return {
        egress: egressOf(answer),
        closed() {
          if (!held.delete(holdId)) return;
          over.push(holdId);
          if (over.length === 1) plan(CLOSED_WITHIN_MS);
        },
      };
    },
    async close() {
      timer?.cancel();
      isClosed = true;
      const closedHoldIds = over.splice(0, HOLDS_A_CALL);
      if (closedHoldIds.length === 0) return;
      try {
        await registry.holdEgress({ processId, closedHoldIds }, { parent: callOf(NO_TENANT) });
      } catch (error) {
        log.warn({ event: 'ways_out_not_given_back', err: error }, 'ways out end by themselves');
      }
    },
  };
}

/** A call for many tenants belongs to none. */
const NO_TENANT = '00000000-0000-0000-0000-000000000000';

type ResolvedEgress = Awaited<ReturnType<Client<typeof ProxyRegistryService>['resolveEgress']>>;

function egressOf({ egress, pinnedAddress }: ResolvedEgress): Egress {
  if (egress.case !== 'proxy') return direct;
  const { proxyId, host, port, username, password } = egress.value;
  const credentials = username === '' ? {} : { username, password };
  // The name was resolved once, when the proxy was added.
  return { kind: 'socks5', proxyId, host: pinnedAddress || host, port, ...credentials };
}
