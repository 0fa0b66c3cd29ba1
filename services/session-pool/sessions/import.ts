import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { sql } from 'kysely';
import {
  ImportSessionResponseSchema,
  type ImportSessionResponse,
} from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import type { MasterKeys } from '#lib/config/shared.ts';
import { appendEvents } from '#lib/events/outbox.ts';
import { transaction } from '#lib/postgres/transaction.ts';
import { AlreadyExists, NotFound, RequestIdReused } from '#lib/rpc/errors.ts';
import { fingerprint } from '#lib/telegram/material/fingerprint.ts';
import type { Material } from '#lib/telegram/material/material.ts';
import { appendAudit } from '../audit.ts';
import { SessionDuplicate } from '../errors.ts';
import { sessionEvent } from '../events.ts';
import type { Pool } from '../pool.ts';
import { findAnswers, saveAnswers, withReplayRetry, type ReplayKey } from '#lib/requests/replay.ts';
import type { PoolTransaction } from '../slots.ts';
import type { SessionOrigin } from '../tables.ts';
import { storeKey } from './credentials.ts';
import { replaceKey, sessionOfAccount } from './login.ts';
import { sessionMessage } from './model.ts';
import { nextEvent, readSession } from './store.ts';

export interface NewSession {
  tenantId: string;
  name: string;
  material: Material;
  labels: Readonly<Record<string, string>>;
  environment: string;
  accountId: string;
  source: SessionOrigin;
  hasFile: boolean;
  /** Another key of a session that is there, which stays what it was. */
  isMoved?: boolean;
}

/** Puts a session into the pool, or gives the answer that the same request got before. */
export async function importSession(
  pool: Pool,
  session: NewSession,
  caller: { subject: string; replay?: ReplayKey },
): Promise<ImportSessionResponse> {
  const { subject, replay } = caller;
  const { response, added } = await withReplayRetry(() =>
    transaction(pool.database, async (trx) => {
      const answered = await earlierAnswer(trx, replay);
      if (answered) return { response: answered, added: false };
      const outcome = await addOrAnswer(trx, pool.masterKeys, session, caller);
      if (typeof outcome !== 'bigint') return { response: outcome, added: false };
      const row = await readSession(trx, session.tenantId, { sessionId: outcome });
      const answer = create(ImportSessionResponseSchema, {
        session: sessionMessage(row, pool.settings.quarantineMs),
      });
      await appendAudit(trx, [
        {
          tenantId: session.tenantId,
          subject,
          action: 'import_session',
          sessionId: outcome,
          detail: { session_name: session.name, source: session.source },
        },
      ]);
      if (replay)
        await saveAnswers(trx, [{ key: replay, answer: toBinary(ImportSessionResponseSchema, answer) }]);
      return { response: answer, added: true };
    }),
  );
  if (added) {
    pool.wakeRelay();
    pool.wakeQueue([session.tenantId]);
  }
  return response;
}

/** The very same request may have put the session there while this one waited for it: then that is the answer. */
async function addOrAnswer(
  trx: PoolTransaction,
  masterKeys: MasterKeys,
  session: NewSession,
  { subject, replay }: { subject: string; replay?: ReplayKey },
): Promise<bigint | ImportSessionResponse> {
  const relogin = async (): Promise<bigint | undefined> => {
    const isKnown = session.source === 'login' || session.isMoved;
    const known = isKnown ? await sessionOfAccount(trx, session) : undefined;
    if (known === undefined && session.isMoved)
      throw new NotFound('session of the account', session.accountId);
    if (known !== undefined) await replaceKey(trx, masterKeys, known, session, subject);
    return known;
  };
  try {
    return (await relogin()) ?? (await addSession(trx, masterKeys, session));
  } catch (error) {
    if (!(error instanceof SessionDuplicate || error instanceof AlreadyExists)) throw error;
    const answered = await earlierAnswer(trx, replay);
    if (answered) return answered;
    // Another login of the account was quicker: the later one's key stays.
    const known = error instanceof AlreadyExists ? await relogin() : undefined;
    if (known !== undefined) return known;
    throw error;
  }
}

async function earlierAnswer(
  trx: PoolTransaction,
  replay: ReplayKey | undefined,
): Promise<ImportSessionResponse | undefined> {
  if (!replay) return undefined;
  const answer = (await findAnswers(trx, [replay])).get(replay);
  if (answer instanceof RequestIdReused) throw answer;
  return answer && fromBinary(ImportSessionResponseSchema, answer);
}

/** A conflicting session that is removed at the same moment makes room: then it is tried again. */
const ATTEMPTS = 3;

/** The session, its key, its slot and its event. A refusal leaves the transaction as it was. */
export async function addSession(
  trx: PoolTransaction,
  masterKeys: MasterKeys,
  session: NewSession,
): Promise<bigint> {
  const { tenantId, name, material, environment, accountId, source } = session;
  const print = fingerprint(material.authKey);
  const sessionId = await insertSession(trx, session, print);
  const owner = { session_id: sessionId, tenant_id: tenantId };
  await storeKey(trx, masterKeys, owner, material);
  // After a restore an id may come again that the backup did not know of: see markRestored.
  await sql`
    insert into slots (session_id, tenant_id, event_sequence)
    select ${sessionId}::bigint, ${tenantId}::uuid, (epoch::bigint - 1) << 40 from installation`.execute(trx);
  await appendEvents(trx, [
    sessionEvent(await nextEvent(trx, owner), {
      case: 'sessionAdded',
      value: { sessionId, name, environment, accountId, source, labels: session.labels },
    }),
  ]);
  return sessionId;
}

async function insertSession(trx: PoolTransaction, session: NewSession, print: Buffer): Promise<bigint> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    // Not by an error of the database: that would spoil the transaction for whoever adds many.
    const { rows } = await sql<{ session_id: bigint }>`
      insert into sessions
        (tenant_id, name, account_id, environment, labels, data_center, source, has_file, fingerprint)
      values (${session.tenantId}::uuid, ${session.name}, ${session.accountId}, ${session.environment},
        ${JSON.stringify(session.labels)}::jsonb, ${session.material.dataCenter}, ${session.source},
        ${session.hasFile}, ${print})
      on conflict do nothing
      returning session_id`.execute(trx);
    if (rows[0]) return rows[0].session_id;
    await throwConflict(trx, session, print);
  }
  throw new AlreadyExists('session', session.name);
}

async function throwConflict(
  trx: PoolTransaction,
  { tenantId, name, accountId }: NewSession,
  print: Buffer,
): Promise<void> {
  const { rows } = await sql<{ name: string; own: boolean; same_key: boolean }>`
    select name, tenant_id = ${tenantId}::uuid as own, fingerprint = ${print} as same_key from sessions
    where fingerprint = ${print} or (tenant_id = ${tenantId}::uuid and name = ${name})
      or (tenant_id = ${tenantId}::uuid and account_id = ${accountId} and account_id <> '')
    order by same_key desc limit 1`.execute(trx);
  const [found] = rows;
  if (found?.same_key) throw new SessionDuplicate(found.own ? found.name : undefined);
  if (found) throw new AlreadyExists('session', found.name);
}
