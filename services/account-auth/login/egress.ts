import { status } from '@grpc/grpc-js';
import type { ProxyRegistryService } from '#gen/telegate/proxy_registry/v1/proxy_registry_service_pb.ts';
import { servicePrincipal, type Principal } from '#lib/auth/principal.ts';
import type { CallOptions } from '#lib/rpc/client-state.ts';
import type { Client } from '#lib/rpc/client.ts';
import { DomainError } from '#lib/rpc/errors.ts';
import { direct, type Egress } from '#lib/telegram/egress.ts';
import { NoEgress } from '#lib/telegram/errors.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import { safeMessage } from '#lib/telemetry/safe-error.ts';
import type { StepLimits } from './logins.ts';

export interface EgressWanted {
  readonly tenantId: string;
  /** The account, when it is known which one logs in. */
  readonly accountId: string;
  /** The proxy that the login began with; empty: one by policy. */
  readonly proxyId: string;
  readonly allowDirect: boolean;
}

/** A way to Telegram, the place on its proxy kept until it is let go. */
export interface HeldEgress {
  readonly egress: Egress;
  /** False once the place is lost: the socket must be closed. */
  renew(): Promise<boolean>;
  letGo(): Promise<void>;
}

export interface EgressSource {
  resolve(wanted: EgressWanted, limits: StepLimits): Promise<HeldEgress>;
  /** The account keeps the proxy that it logged in through. */
  keep(account: AuthorisedAccount): Promise<void>;
}

export interface AuthorisedAccount {
  readonly tenantId: string;
  readonly accountId: string;
  readonly sessionId: bigint;
  /** Empty: it logged in directly. */
  readonly proxyId: string;
}

/** Without a registry of proxies every connection is direct, or there is none. */
export function withoutRegistry(options: { allowDirect: boolean }): EgressSource {
  return {
    resolve({ proxyId, allowDirect }) {
      if (proxyId !== '' || !(options.allowDirect || allowDirect)) return Promise.reject(new NoEgress(0n));
      return Promise.resolve({
        egress: direct,
        renew: () => Promise.resolve(true),
        letGo: () => Promise.resolve(),
      });
    },
    keep: () => Promise.resolve(),
  };
}

export function fromRegistry(
  registry: Client<typeof ProxyRegistryService>,
  options: { service: string; processId: string; log: Logger },
): EgressSource {
  const { service, processId, log } = options;
  return {
    async resolve({ tenantId, accountId, proxyId, allowDirect }, limits) {
      const principal = servicePrincipal(service, tenantId);
      const answer = await registry.resolveEgress(
        { accountId, proxyId, processId, allowDirect },
        { parent: { principal, signal: limits.signal, remainingMs: () => limits.remainingMs() } },
      );
      const { holdId } = answer;
      const own = ownCall(principal);
      return {
        egress: egressOf(answer),
        async renew() {
          const { lostHoldIds } = await registry.holdEgress(
            { processId, holdIds: [holdId] },
            { parent: own },
          );
          return lostHoldIds.length === 0;
        },
        async letGo() {
          await registry.holdEgress({ processId, closedHoldIds: [holdId] }, { parent: own });
        },
      };
    },
    async keep({ tenantId, accountId, sessionId, proxyId }) {
      if (proxyId === '') return;
      try {
        await registry.assignProxy(
          { accountId, sessionId, proxyId },
          { parent: ownCall(servicePrincipal(service, tenantId)) },
        );
      } catch (error) {
        // The proxy may have filled up meanwhile, or be gone: then the account gets another when it connects.
        if (!(error instanceof DomainError) || isPassing(error)) throw error;
        log.warn(
          { event: 'proxy_not_kept', accountId, proxyId, problem: safeMessage(error) },
          'an account does not keep the proxy of its login',
        );
      }
    },
  };
}

function isPassing({ code }: DomainError): boolean {
  return code === status.UNAVAILABLE || code === status.DEADLINE_EXCEEDED || code === status.INTERNAL;
}

function ownCall(principal: Principal): NonNullable<CallOptions['parent']> {
  return { principal, signal: neverAborted, remainingMs: () => OWN_CALL_MS };
}

type ResolvedEgress = Awaited<ReturnType<Client<typeof ProxyRegistryService>['resolveEgress']>>;

function egressOf({ egress, pinnedAddress }: ResolvedEgress): Egress {
  if (egress.case !== 'proxy') return direct;
  const { proxyId, host, port, username, password } = egress.value;
  const credentials = username === '' ? {} : { username, password };
  // The name was resolved once, when the proxy was added.
  return { kind: 'socks5', proxyId, host: pinnedAddress || host, port, ...credentials };
}

const neverAborted = new AbortController().signal;
/** Of a call that may not be cut short with the caller's: it clears up, or keeps what was begun. */
const OWN_CALL_MS = 5_000;
