import { sql } from 'kysely';
import { LeaseLossReason } from '#gen/telegate/session_pool/v1/lease_pb.ts';
import { listen, type Listener } from '#lib/postgres/listen.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import { readLeaseId } from '../leases/model.ts';
import type { PoolDatabase } from '../tables.ts';
import { NOTICE_CHANNEL, readNotices, type Notice } from './notice.ts';

export type LeaseNotice = Exclude<Notice, { kind: 'granted' }>;

/** Brings what happens to leases, on any replica, to the streams of this one. */
export interface NoticeHub {
  /** Hears of one lease until the returned function is called. */
  subscribe(leaseId: string, hear: (notice: LeaseNotice) => void): () => void;
  /** Tells this replica's streams at once that a lease ended here, without asking the database to. */
  tellEnded(leaseId: string): void;
  close(): Promise<void>;
}

export interface NoticeHubOptions {
  url: string;
  database: PoolDatabase;
  replicaId: string;
  log: Logger;
  /** Waiters of this replica were granted something, or may have been while nobody listened. */
  onGranted(): void;
}

export function openNoticeHub(options: NoticeHubOptions): NoticeHub {
  const { database, replicaId, log, onGranted } = options;
  const subscribers = new Map<string, Set<(notice: LeaseNotice) => void>>();

  /** Whoever may log in to the database may notify, another version of this service too: no reason to end. */
  function read(payload: string): Notice[] {
    try {
      return readNotices(payload);
    } catch (error) {
      log.warn({ event: 'notices', err: error }, 'a notice is none of ours; it is passed over');
      return [];
    }
  }

  function deliver(notice: LeaseNotice): void {
    // A copy: who hears of the end unsubscribes.
    for (const hear of Array.from(subscribers.get(notice.lease) ?? [])) hear(notice);
  }

  // While nobody listened leases may have ended: those that are gone from the table have.
  async function catchUp(): Promise<void> {
    onGranted();
    const leases = [...subscribers.keys()];
    const { rows } = await sql<{ lease_id: string }>`
      select lease_id from slots
      where session_id = any(${leases.flatMap((lease) => readLeaseId(lease)?.sessionId ?? [])}::bigint[])
        and lease_id is not null`.execute(database.kysely);
    const living = new Set(rows.map((row) => row.lease_id));
    for (const lease of leases.filter((leaseId) => !living.has(leaseId))) deliver(lost(lease));
  }

  const listener: Listener = listen({
    url: options.url,
    channels: [NOTICE_CHANNEL],
    log,
    onNotification(_channel, payload) {
      for (const notice of read(payload)) {
        if (notice.kind !== 'granted') deliver(notice);
        else if (notice.replica === replicaId) onGranted();
      }
    },
    onGap() {
      catchUp().catch((error: unknown) => {
        log.warn(
          { event: 'notices', err: error },
          'what happened meanwhile could not be read; heartbeats will tell',
        );
      });
    },
  });

  return {
    subscribe(leaseId, hear) {
      const hearers = subscribers.get(leaseId) ?? new Set();
      subscribers.set(leaseId, hearers.add(hear));
      return () => {
        hearers.delete(hear);
        if (hearers.size === 0 && subscribers.get(leaseId) === hearers) subscribers.delete(leaseId);
      };
    },
    tellEnded(leaseId) {
      deliver(lost(leaseId));
    },
    close: () => listener.close(),
  };
}

function lost(leaseId: string): LeaseNotice {
  const session = String(readLeaseId(leaseId)?.sessionId ?? 0n);
  return { kind: 'lost', lease: leaseId, session, reason: LeaseLossReason.STALE };
}
