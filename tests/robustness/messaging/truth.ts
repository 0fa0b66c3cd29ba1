import { fromBinary } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { EventSchema } from '#gen/telegate/events/v1/events_pb.ts';
import { CallOutcome } from '#gen/telegate/local_telegram/v1/log_pb.ts';
import { withClient } from '../cluster/truth.ts';
import type { Entry, ServedEntry } from '../history.ts';
import { monotonic } from '../time.ts';
import type { Control, Member, MessagingMesh } from './mesh.ts';

const PAGE = 1_000;

/** What messaging publishes, as its transactions commit it. */
export const WITNESS = `
  create table robustness.told_log (
    id bigserial primary key, at timestamptz not null default clock_timestamp(),
    event_id uuid, subject text, entity_id text, entity_sequence bigint, payload bytea
  );
  create function robustness.see_told() returns trigger language plpgsql as $$ begin
    insert into robustness.told_log (event_id, subject, entity_id, entity_sequence, payload)
    values (new.event_id, new.subject, new.entity_id, new.entity_sequence, new.payload);
    return null;
  end $$;
  create trigger robustness_told after insert on messaging.outbox
    for each row execute function robustness.see_told();`;

interface ToldRow {
  id: number;
  at: number;
  event: string;
  subject: string;
  entity: string;
  sequence: number;
  payload: Buffer;
}

/** The committed events, and what those of messages say. */
export async function readTold(url: string): Promise<Entry[]> {
  const { rows } = await withClient(url, (client) =>
    client.query<ToldRow>(`
      select id::float8, (extract(epoch from at) * 1000)::float8 as at, event_id::text as event, subject,
        entity_id as entity, entity_sequence::float8 as sequence, payload
      from robustness.told_log order by id`),
  );
  return rows.flatMap(({ id, at, event, subject, entity, sequence, payload }): Entry[] => {
    const session = `messaging/${entity}`;
    const committed: Entry = { kind: 'committed', id, at, event, subject, session, sequence };
    const { payload: said } = fromBinary(EventSchema, payload);
    if (said.case !== 'messageSent' && said.case !== 'messageReceived') return [committed];
    const { accountId: account, peer, messageId } = said.value;
    return [committed, { kind: 'news', event, what: said.case, account, peer, message: Number(messageId) }];
  });
}

/** Every chat of the members, as Telegram has it. */
export async function readMail(mesh: MessagingMesh): Promise<Entry[]> {
  const { control, members, lent, strangers } = mesh;
  const everybody = [...members, ...lent];
  const users = [...everybody.map(({ user }) => user), ...strangers];
  const entries: Entry[] = [];
  for (const { accountId: account, user } of everybody)
    for (const other of users) {
      if (other === user) continue;
      for (let pageToken = ''; ;) {
        const page = await control.listMessages({
          accountId: user,
          peer: { peer: { case: 'accountId', value: other } },
          pageSize: PAGE,
          pageToken,
        });
        for (const { messageId: message, text, senderAccountId, sendTime } of page.messages)
          entries.push({
            kind: 'mail',
            account,
            peer: `user:${other}`,
            message,
            text,
            outgoing: senderAccountId === user,
            at: timestampMs(sendTime!),
          });
        pageToken = page.nextPageToken;
        if (pageToken === '') break;
      }
    }
  return entries;
}

/** Connections, sends and counts, by the local Telegram's log. */
export async function readLog(control: Control, members: readonly Member[]): Promise<Entry[]> {
  const entries: Entry[] = [];
  let dropped = 0n;
  for (let pageToken = ''; ;) {
    const page = await control.listConnections({ pageSize: PAGE, pageToken });
    dropped = page.droppedCount;
    for (const { connectionId: connection, keys } of page.connections)
      for (const { keyId: key, firstMessageTime, lastMessageTime } of keys)
        entries.push({
          kind: 'served-connection',
          connection,
          key,
          first: timestampMs(firstMessageTime!),
          last: timestampMs(lastMessageTime!),
        });
    pageToken = page.nextPageToken;
    if (pageToken === '') break;
  }
  for (let pageToken = ''; ;) {
    const page = await control.listCalls({ pageSize: PAGE, pageToken, methods: ['messages.sendMessage'] });
    dropped += page.droppedCount;
    for (const call of page.calls)
      entries.push({
        kind: 'served',
        at: timestampMs(call.startTime!),
        connection: call.connectionId,
        key: call.keyId,
        randomId: String(call.randomId),
        outcome: OUTCOMES[call.outcome] ?? 'unanswered',
        error: call.errorText,
      });
    pageToken = page.nextPageToken;
    if (pageToken === '') break;
  }
  const { counters } = await control.getCounters({});
  const sessions = Object.fromEntries(members.map(({ keyId, sessionId }) => [keyId, String(sessionId)]));
  const keysDuplicated = Number(counters!.keysDuplicated);
  entries.push({ kind: 'telegram', t: monotonic(), keysDuplicated, dropped: Number(dropped), sessions });
  return entries;
}

const OUTCOMES: Partial<Record<CallOutcome, ServedEntry['outcome']>> = {
  [CallOutcome.OK]: 'ok',
  [CallOutcome.ERROR]: 'error',
};
