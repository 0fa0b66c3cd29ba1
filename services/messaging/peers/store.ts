import { sql, type QueryExecutorProvider } from 'kysely';
import type { PeerKind } from '#gen/telegate/messaging/v1/messaging_pb.ts';
import type { PeerForm } from '../messages.ts';

/** A user or chat as a session knows it. */
export interface KnownPeer {
  readonly form: PeerForm;
  readonly kind: PeerKind;
  readonly accessHash: bigint;
  readonly title: string;
  readonly username: string;
  /** Empty where it was never shown. */
  readonly phone: string;
}

export interface LearnedPeer {
  readonly sessionId: bigint;
  readonly tenantId: string;
  readonly peer: KnownPeer;
  /** What it was asked for by, besides its username. */
  readonly alias: string;
}

/** A username may change hands: what one meant is believed for so long. */
export const NAME_HOURS = 24;
/** A row that says the same again is written anew when it is this old, so that age says what is in use. */
const TOUCH_HOURS = 12;

interface PeerRow {
  form: PeerForm;
  kind: PeerKind;
  access_hash: bigint;
  title: string;
  username: string;
  phone: string;
}

function peerOfRow({ access_hash: accessHash, ...row }: PeerRow): KnownPeer {
  return { ...row, accessHash };
}

export async function findByForm(
  executor: QueryExecutorProvider,
  sessionId: bigint,
  form: PeerForm,
): Promise<KnownPeer | undefined> {
  const { rows } = await sql<PeerRow>`
    select form, kind, access_hash, title, username, phone from peers
    where session_id = ${sessionId} and form = ${form}`.execute(executor);
  return rows[0] && peerOfRow(rows[0]);
}

export async function findByName(
  executor: QueryExecutorProvider,
  sessionId: bigint,
  name: string,
): Promise<KnownPeer | undefined> {
  const { rows } = await sql<PeerRow>`
    select peers.form, kind, access_hash, title, username, phone
    from peer_names join peers using (session_id, form)
    where session_id = ${sessionId} and name = ${name}
      and resolve_time > clock_timestamp() - make_interval(hours => ${NAME_HOURS})`.execute(executor);
  return rows[0] && peerOfRow(rows[0]);
}

/** Each session and form at most once. */
export async function savePeers(trx: QueryExecutorProvider, learned: readonly LearnedPeer[]): Promise<void> {
  // In one order everywhere, so that no two transactions wait for each other.
  const rows = learned.toSorted(
    (a, b) => Number(a.sessionId - b.sessionId) || (a.peer.form < b.peer.form ? -1 : 1),
  );
  const column = <T>(value: (one: LearnedPeer) => T): T[] => rows.map(value);
  const sessions = column((one) => one.sessionId);
  const tenants = column((one) => one.tenantId);
  const forms = column((one) => one.peer.form);
  await sql`
    insert into peers (session_id, form, tenant_id, kind, access_hash, title, username, phone)
    select * from unnest(
      ${sessions}::bigint[], ${forms}::text[], ${tenants}::uuid[],
      ${column((one) => one.peer.kind)}::smallint[],
      ${column((one) => one.peer.accessHash)}::bigint[],
      ${column((one) => one.peer.title)}::text[],
      ${column((one) => one.peer.username)}::text[],
      ${column((one) => one.peer.phone)}::text[]
    )
    on conflict (session_id, form) do update set
      kind = excluded.kind, access_hash = excluded.access_hash, title = excluded.title,
      username = excluded.username, seen_time = clock_timestamp(),
      phone = coalesce(nullif(excluded.phone, ''), peers.phone)
    where (peers.kind, peers.access_hash, peers.title, peers.username) is distinct from
        (excluded.kind, excluded.access_hash, excluded.title, excluded.username)
      or (excluded.phone <> '' and excluded.phone <> peers.phone)
      or peers.seen_time < clock_timestamp() - make_interval(hours => ${TOUCH_HOURS})`.execute(trx);
  const names = column((one) => usernameKey(one.peer.username));
  // A username that it gave up may be somebody else's now.
  await sql`
    delete from peer_names using unnest(${sessions}::bigint[], ${forms}::text[], ${names}::text[])
      as now (session_id, form, name)
    where peer_names.session_id = now.session_id and peer_names.form = now.form
      and peer_names.name like '@%' and peer_names.name <> now.name`.execute(trx);
  const aliases = column((one) => one.alias);
  await sql`
    insert into peer_names (session_id, name, form, tenant_id)
    select distinct on (session_id, name) session_id, name, form, tenant_id
    from unnest(
      ${[...sessions, ...sessions]}::bigint[], ${[...names, ...aliases]}::text[],
      ${[...forms, ...forms]}::text[], ${[...tenants, ...tenants]}::uuid[]
    ) as told (session_id, name, form, tenant_id)
    where name <> '' order by session_id, name
    on conflict (session_id, name) do update
      set form = excluded.form, resolve_time = clock_timestamp()`.execute(trx);
}

export function usernameKey(username: string): string {
  return username === '' ? '' : `@${username.toLowerCase()}`;
}

export async function forgetPeer(
  trx: QueryExecutorProvider,
  sessionId: bigint,
  form: PeerForm,
): Promise<void> {
  await sql`delete from peer_names where session_id = ${sessionId} and form = ${form}`.execute(trx);
  await sql`delete from peers where session_id = ${sessionId} and form = ${form}`.execute(trx);
}

/** Of a session that knows more than `most`, those that were not seen for the longest. */
export async function forgetOldest(
  executor: QueryExecutorProvider,
  sessionId: bigint,
  most: number,
): Promise<void> {
  await sql`
    delete from peers where session_id = ${sessionId} and form = any(array(
      select form from peers where session_id = ${sessionId} order by seen_time desc offset ${most}
    ))`.execute(executor);
}

/** Names that are not believed any more. */
export async function pruneNames(executor: QueryExecutorProvider, limit: number): Promise<number> {
  const { rows } = await sql<{ count: bigint }>`
    with old as (
      delete from peer_names where ctid = any(array(
        select ctid from peer_names
        where resolve_time < clock_timestamp() - make_interval(hours => ${NAME_HOURS})
        limit ${limit} for update skip locked
      )) returning 1
    ) select count(*) as count from old`.execute(executor);
  return Number(rows[0]!.count);
}
