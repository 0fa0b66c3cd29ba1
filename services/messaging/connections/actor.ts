import type { Actor } from '#gen/telegate/messaging/v1/messaging_pb.ts';
import type { FieldViolation } from '#lib/rpc/errors.ts';
import * as validate from '#lib/requests/validate.ts';

/** The session that is wanted, as it was named. */
export type Wanted =
  | { readonly kind: 'account'; readonly tenantId: string; readonly accountId: string }
  | { readonly kind: 'session'; readonly tenantId: string; readonly sessionId: bigint }
  | {
      readonly kind: 'lease';
      readonly tenantId: string;
      readonly leaseId: string;
      readonly fencingToken: bigint;
    };

export function readActor(actor: Actor | undefined, tenantId: string): Wanted {
  const violations: FieldViolation[] = [];
  const wanted = readNamed(violations, actor, tenantId);
  validate.throwIfAny(violations);
  return wanted!;
}

function readNamed(
  violations: FieldViolation[],
  actor: Actor | undefined,
  tenantId: string,
): Wanted | undefined {
  switch (actor?.actor.case) {
    case 'accountId':
      return {
        kind: 'account',
        tenantId,
        accountId: validate.uuid(violations, 'actor.account_id', actor.actor.value),
      };
    case 'sessionId':
      return {
        kind: 'session',
        tenantId,
        sessionId: validate.sessionId(violations, 'actor.session_id', actor.actor.value),
      };
    case 'lease':
      return {
        kind: 'lease',
        tenantId,
        ...validate.leaseProof(violations, 'actor.lease', actor.actor.value),
      };
    case undefined:
      violations.push({
        field: 'actor',
        description: 'is missing; send an account_id, a session_id or a lease',
      });
      return undefined;
  }
}

export function keyOf(wanted: Wanted): string {
  const { kind, tenantId } = wanted;
  if (kind === 'account') return `${tenantId} account ${wanted.accountId}`;
  if (kind === 'session') return `${tenantId} session ${wanted.sessionId}`;
  return `${tenantId} lease ${wanted.leaseId} ${wanted.fencingToken}`;
}
