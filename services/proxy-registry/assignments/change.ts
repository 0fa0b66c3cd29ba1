import { AssignmentState } from '#gen/telegate/proxy_registry/v1/proxy_pb.ts';
import { transaction } from '#lib/postgres/transaction.ts';
import { appendAudit } from '../audit.ts';
import type { Registry } from '../registry.ts';
import { refuseHeld } from './model.ts';
import type { Occupant } from './store.ts';
import { openTurn } from './turn.ts';

/** Takes an account off its proxy; what it was to have is forgotten with it. */
export async function releaseAssignment(
  registry: Registry,
  subject: string,
  occupant: Occupant,
): Promise<void> {
  await transaction(registry.database, async (trx) => {
    const turn = await openTurn(trx, registry, [occupant], () => false);
    const place = turn.placeOf(occupant);
    if (place.state === AssignmentState.UNSPECIFIED) return;
    refuseHeld(place, turn.holdingOf(place));
    const { tenantId, proxyId, accountId, sessionId } = place;
    turn.remove(place);
    await turn.save();
    await appendAudit(trx, [
      { tenantId, subject, action: 'release_assignment', proxyId, accountId, sessionId },
    ]);
  });
}

/** What the owner said is kept where the way out is decided. */
export async function allowDirect(
  registry: Registry,
  subject: string,
  occupant: Occupant,
  allowed: boolean,
): Promise<void> {
  await transaction(registry.database, async (trx) => {
    const turn = await openTurn(trx, registry, [occupant], () => false);
    const place = turn.placeOf(occupant);
    if (place.allowDirect === allowed) return;
    place.allowDirect = allowed;
    if (place.state === AssignmentState.UNSPECIFIED) place.state = AssignmentState.DIRECT;
    // Where it goes now is decided when it connects; a socket that lives stays.
    await turn.save();
    const { tenantId, accountId, sessionId } = place;
    await appendAudit(trx, [
      {
        tenantId,
        subject,
        action: 'allow_direct',
        accountId,
        sessionId,
        detail: { allowed: String(allowed) },
      },
    ]);
  });
}
