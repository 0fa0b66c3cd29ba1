import {
  SessionStateSchema,
  type Session,
  type SessionState,
} from '#gen/telegate/session_pool/v1/session_pb.ts';
import { SessionSourceSchema, type SessionSource } from '#gen/telegate/session_pool/v1/session_pb.ts';
import { sheet, table } from './terminal/table.ts';
import { moment } from './terminal/times.ts';
import { enumNames, labelsText, nameOf } from './values.ts';

export const stateNames: Map<string, SessionState> = enumNames(SessionStateSchema);
const sourceNames: Map<string, SessionSource> = enumNames(SessionSourceSchema);

export function sessionTable(sessions: readonly Session[], now: number): string {
  return table(
    ['ID', 'NAME', 'STATE', 'HOLDER', 'FREE AT THE LATEST', 'LABELS', 'LAST USED'],
    sessions.map((session) => [
      String(session.sessionId),
      session.name,
      nameOf(stateNames, session.state),
      session.lease?.holder ?? '–',
      moment(session.availableTime, now),
      labelsText(session.labels),
      moment(session.lastUsedTime, now),
    ]),
  );
}

export function sessionSheet(session: Session, now: number): string {
  const { lease, floodWaits } = session;
  const state = nameOf(stateNames, session.state);
  return sheet([
    ['id', String(session.sessionId)],
    ['name', session.name],
    ['state', session.stateReason === '' ? state : `${state}: ${session.stateReason}`],
    ['labels', labelsText(session.labels)],
    ...(session.accountId === '' ? [] : [['account', session.accountId] as [string, string]]),
    ['environment', session.environment],
    ['data centre', String(session.dataCenter)],
    ['source', `${nameOf(sourceNames, session.source)}${session.hasFile ? ', has a file' : ''}`],
    ...(lease
      ? ([
          ['lease', lease.leaseId],
          ['holder', lease.holder],
          ['lease ends', `${moment(lease.expireTime, now)} unless renewed`],
        ] as [string, string][])
      : []),
    ...floodWaits.map(({ method, endTime }): [string, string] => [
      'flood wait',
      `${method === '' ? 'every method' : method} until ${moment(endTime, now)}`,
    ]),
    ...(session.quarantineEndTime
      ? [['quarantine ends', moment(session.quarantineEndTime, now)] as [string, string]]
      : []),
    ['created', moment(session.createTime, now)],
    ['last used', moment(session.lastUsedTime, now)],
  ]);
}
