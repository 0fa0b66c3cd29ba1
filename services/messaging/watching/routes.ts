import { InvalidFields, NotFound, type FieldViolation } from '#lib/rpc/errors.ts';
import * as validate from '#lib/requests/validate.ts';
import type { MessagingHandlers } from '../routes.ts';
import { readCursor } from './cursor.ts';
import type { TenantSessions } from './directory.ts';
import type { Watching } from './open.ts';
import * as store from './store.ts';
import { Watch } from './watch.ts';

const MOST_ACCOUNTS = 1_000;

export function watchRoutes(watching: Watching): Pick<MessagingHandlers, 'watchMessages'> {
  const { database, directory: directories, tails } = watching;
  return {
    async watchMessages(request, out, ctx) {
      const { tenantId } = ctx.principal;
      const { accountIds, cursor } = readRequest(request);
      const directory = await directories.open(tenantId);
      try {
        if (accountIds) await mustBeThere(directory, accountIds);
        const { tail, close } = await tails.open(tenantId);
        try {
          const from = cursor ?? tail.head;
          // Another process may have told more than the tail here has.
          if (from > tail.head && from > (await store.headOf(database, tenantId)))
            throw new InvalidFields([
              { field: 'cursor', description: 'is of no event of this tenant; begin without one' },
            ]);
          await new Watch({ ...watching, tenantId, directory, tail, accountIds, out, ctx }, from).run();
        } finally {
          close();
        }
      } finally {
        directory.close();
      }
    },
  };
}

function readRequest({ accountIds, cursor }: { accountIds: string[]; cursor: string }) {
  const violations: FieldViolation[] = [];
  if (accountIds.length > MOST_ACCOUNTS)
    violations.push({
      field: 'account_ids',
      description: `has ${accountIds.length}; send at most ${MOST_ACCOUNTS}, or none for all`,
    });
  const ids = accountIds
    .slice(0, MOST_ACCOUNTS)
    .map((id, index) => validate.uuid(violations, `account_ids[${index}]`, id));
  const from = readCursor(violations, 'cursor', cursor);
  validate.throwIfAny(violations);
  return { accountIds: ids.length > 0 ? [...new Set(ids)] : undefined, cursor: from };
}

async function mustBeThere(directory: TenantSessions, accountIds: readonly string[]): Promise<void> {
  const missing = (): string | undefined => accountIds.find((id) => directory.sessionOf(id) === undefined);
  // One that came a moment ago is not known here yet.
  if (missing() !== undefined) await directory.refresh();
  const unknown = missing();
  if (unknown !== undefined) throw new NotFound('account with a session', unknown);
}
