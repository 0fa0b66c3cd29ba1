import { SessionFormat } from '#gen/telegate/session_pool/v1/lease_pb.ts';
import { SessionSource } from '#gen/telegate/session_pool/v1/session_pb.ts';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { servicePrincipal } from '#lib/auth/principal.ts';
import { transaction } from '#lib/postgres/transaction.ts';
import { DomainError } from '#lib/rpc/errors.ts';
import { renderMaterial } from '#lib/telegram/material/detect.ts';
import type { Material } from '#lib/telegram/material/material.ts';
import { recordLogin } from '../accounts/store.ts';
import { appendAudit } from '../identity/audit.ts';
import { exportSession } from './export-file.ts';
import type { HeldLogin } from './held-login.ts';
import { measureEnd } from './metrics.ts';
import { noSecrets } from './secrets.ts';
import { changeLogin } from './store.ts';
import type { LoginRow } from './tables.ts';

const SERVICE = 'account-auth';
/** Of each call to another service of the mesh, from the sweeper too. */
const CALL_MS = 10_000;

/**
 * Gives the authorised key to the pool and forgets it here. Each step may have been done before, by a process that
 * died after it: the pool knows the request again, the account its login, and the file is written anew.
 */
export async function handOver(held: HeldLogin): Promise<LoginRow> {
  // The pool may lend the session at once: until then its key must be in use nowhere.
  await held.closeConnection();
  const { logins, row } = held;
  const material = materialOf(held);
  const sessionId = await importSession(held, material);
  await logins.egress.keep({
    tenantId: row.tenant_id,
    accountId: row.account_id!,
    sessionId,
    proxyId: row.proxy_id ?? '',
  });
  const exported = await exportSession(logins, row, material);
  const ended = await transaction(logins.database, async (trx) => {
    const account = await recordLogin(trx, {
      tenantId: row.tenant_id,
      accountId: row.account_id!,
      phone: row.phone,
      telegramUserId: row.telegram_user_id,
      username: row.username,
      name: row.name,
      labels: row.labels,
      sessionId,
      environment: row.environment,
      loginTime: row.authorised_time!,
    });
    const { account_id: accountId, tenant_id: tenantId } = account;
    const audit = { tenantId, subject: row.subject, entityId: accountId };
    await appendAudit(trx, {
      ...audit,
      action: 'log_in_account',
      detail: { login_id: row.login_id, session_id: String(sessionId) },
    });
    if (exported !== undefined)
      await appendAudit(trx, { ...audit, action: 'export_session_file', detail: { file: exported } });
    return changeLogin(trx, row.login_id, held.workerId, {
      state: 'authorised',
      account_id: accountId,
      session_id: sessionId,
      ...noSecrets,
      ends: true,
    });
  });
  logins.wakeRelay();
  const done = held.changed(ended);
  measureEnd(done.kind, 'authorised', '');
  return done;
}

function materialOf({ secrets, row, logins }: HeldLogin): Material {
  const { authKey, dataCenter } = secrets!.key;
  const { apiId, dataCenters } = logins.telegram.environment;
  const address = dataCenters.get(dataCenter);
  return {
    dataCenter,
    authKey,
    userId: BigInt(row.telegram_user_id),
    apiId,
    ...(address ? { address } : {}),
  };
}

async function importSession(held: HeldLogin, material: Material): Promise<bigint> {
  const { logins, row, limits } = held;
  const names = sessionNames(row);
  for (const [index, name] of names.entries()) {
    try {
      const { session } = await logins.sessionPool.importSession(
        {
          name,
          material: renderMaterial(material, 'telethon-file'),
          format: SessionFormat.TELETHON_FILE,
          labels: row.labels,
          environment: row.environment,
          accountId: row.account_id!,
          requestId: `login ${row.login_id} ${index}`,
          source: SessionSource.LOGIN,
        },
        {
          parent: {
            principal: servicePrincipal(SERVICE, row.tenant_id),
            signal: limits.signal,
            remainingMs: () => CALL_MS,
          },
        },
      );
      return session!.sessionId;
    } catch (error) {
      const isTaken = error instanceof DomainError && error.reason === ErrorReason.ALREADY_EXISTS;
      if (!isTaken || index === names.length - 1) throw error;
    }
  }
  throw new Error('a session has no name');
}

/** The owner's name for it if that can be one, then its number, and for what is left one that nobody has. */
function sessionNames({ name, phone, login_id: loginId }: LoginRow): string[] {
  const digits = phone.slice(1);
  const own = name.trim() !== '' && !/[/\\]/.test(name) ? [name] : [];
  return [...own, ...(digits === '' ? [] : [digits]), `login ${loginId}`];
}
