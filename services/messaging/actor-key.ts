import type { Actor } from '#gen/telegate/messaging/v1/messaging_pb.ts';

/** Whom a page of a list is for: a page begins where that account's list was left. */
export function actorKey(actor: Actor | undefined): string {
  const named = actor?.actor;
  switch (named?.case) {
    case 'accountId':
      return `account ${named.value}`;
    case 'sessionId':
      return `session ${named.value}`;
    case 'lease':
      return `lease ${named.value.leaseId}`;
    default:
      return '';
  }
}
