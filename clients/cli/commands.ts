import type { Command } from './command.ts';
import { accountsCheck } from './commands/accounts-check.ts';
import { accountsCreate } from './commands/accounts-create.ts';
import { accountsDelete } from './commands/accounts-delete.ts';
import { accountsGet } from './commands/accounts-get.ts';
import { accountsList } from './commands/accounts-list.ts';
import { accountsLogout } from './commands/accounts-logout.ts';
import { accountsPause, accountsResume, accountsUpdate } from './commands/accounts-update.ts';
import { campaignCreate, campaignPreview, campaignRun } from './commands/campaign-create.ts';
import { campaignKillSwitch } from './commands/campaign-kill-switch.ts';
import {
  campaignActions,
  campaignCancel,
  campaignGet,
  campaignList,
  campaignPause,
  campaignResume,
  campaignWatch,
} from './commands/campaign-manage.ts';
import {
  campaignTargetsList,
  campaignTargetsRegister,
  campaignTargetsVerify,
} from './commands/campaign-targets.ts';
import { doctor } from './commands/doctor.ts';
import { keysCreate } from './commands/keys-create.ts';
import { keysList } from './commands/keys-list.ts';
import { keysRevoke } from './commands/keys-revoke.ts';
import { lease } from './commands/lease.ts';
import { leaseRevoke } from './commands/lease-revoke.ts';
import { leases } from './commands/leases.ts';
import { login } from './commands/login.ts';
import { proxiesAdd } from './commands/proxies-add.ts';
import { proxiesAssignments } from './commands/proxies-assignments.ts';
import { proxiesCheck } from './commands/proxies-check.ts';
import { proxiesImport } from './commands/proxies-import.ts';
import { proxiesList } from './commands/proxies-list.ts';
import { proxiesRemove } from './commands/proxies-remove.ts';
import { send } from './commands/send.ts';
import { sessionsDelete } from './commands/sessions-delete.ts';
import { sessionsGet } from './commands/sessions-get.ts';
import { sessionsImport } from './commands/sessions-import.ts';
import { sessionsInvalidate } from './commands/sessions-invalidate.ts';
import { sessionsLabel } from './commands/sessions-label.ts';
import { sessionsList } from './commands/sessions-list.ts';
import { sessionsRestore } from './commands/sessions-restore.ts';
import { status } from './commands/status.ts';
import { sync } from './commands/sync.ts';
import { up } from './commands/up.ts';
import { watch } from './commands/watch.ts';

/** In the order of the help. */
export const commands: readonly Command[] = [
  up,
  status,
  doctor,
  login,
  accountsList,
  accountsGet,
  accountsCreate,
  accountsUpdate,
  accountsPause,
  accountsResume,
  accountsCheck,
  accountsLogout,
  accountsDelete,
  proxiesList,
  proxiesAdd,
  proxiesImport,
  proxiesCheck,
  proxiesRemove,
  proxiesAssignments,
  send,
  watch,
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
  campaignTargetsRegister,
  campaignTargetsVerify,
  campaignTargetsList,
  campaignPreview,
  campaignCreate,
  campaignRun,
  campaignList,
  campaignGet,
  campaignWatch,
  campaignActions,
  campaignPause,
  campaignResume,
  campaignCancel,
  campaignKillSwitch,
  keysCreate,
  keysList,
  keysRevoke,
];
