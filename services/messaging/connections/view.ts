import type { Principal } from '#lib/auth/principal.ts';
import type { Holding } from './holding.ts';
import type { LiveSession } from './live-session.ts';

/** A held session as the capabilities see it; `call` says for whom. */
export function viewOf(holding: Holding, call: LiveSession['call']): LiveSession {
  const { sessionId, accountId, tenantId, environment } = holding.held.session;
  return {
    sessionId,
    accountId,
    tenantId,
    environment,
    get userId() {
      return holding.userId;
    },
    get state() {
      return holding.isClosing ? 'closed' : holding.state;
    },
    get updates() {
      return holding.updates;
    },
    call,
  };
}

/** An operator that crosses into many tenants is one caller. */
export function turnOf({ homeTenantId, subject }: Principal): string {
  return `${homeTenantId} ${subject}`;
}
