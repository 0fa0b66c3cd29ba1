import type { Command } from './command.ts';
import { lease } from './commands/lease.ts';
import { leaseRevoke } from './commands/lease-revoke.ts';
import { leases } from './commands/leases.ts';
import { sessionsDelete } from './commands/sessions-delete.ts';
import { sessionsGet } from './commands/sessions-get.ts';
import { sessionsImport } from './commands/sessions-import.ts';
import { sessionsInvalidate } from './commands/sessions-invalidate.ts';
import { sessionsLabel } from './commands/sessions-label.ts';
import { sessionsList } from './commands/sessions-list.ts';
import { sessionsRestore } from './commands/sessions-restore.ts';
import { status } from './commands/status.ts';
import { sync } from './commands/sync.ts';

/** In the order of the help. */
export const commands: readonly Command[] = [
  status,
  lease,
  leases,
  leaseRevoke,
  sessionsList,
  sessionsGet,
  sessionsImport,
  sessionsLabel,
  sessionsInvalidate,
  sessionsRestore,
  sessionsDelete,
  sync,
];
