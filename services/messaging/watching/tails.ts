import { fromBinary } from '@bufbuild/protobuf';
import { WatchMessagesResponseSchema } from '#gen/telegate/messaging/v1/messaging_service_pb.ts';
import { pause, type Clock } from '#lib/lifecycle/clock.ts';
import { listen, type Listener } from '#lib/postgres/listen.ts';
import { withRetry } from '#lib/postgres/transaction.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import type { MessagingDatabase } from '../tables.ts';
import { decryptEvent, type TenantKeys } from './keys.ts';
import type { Written } from './recorder.ts';
import * as store from './store.ts';
import { Tail, type LogEvent } from './tail.ts';

export interface TailsParts {
  readonly url: string;
  readonly database: MessagingDatabase;
  readonly keys: TenantKeys;
  readonly processId: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly mostEvents?: number;
}

interface Opened {
  readonly tail: Tail;
  users: number;
  /** The log may have more than the tail. */
  isBehind: boolean;
  reading: Promise<void> | undefined;
}

interface Page extends Omit<store.PageWanted, 'limit'> {
  readonly limit?: number;
}

const CHANNEL = 'messaging_watch';
const PAGE = 500;
const TENANTS_A_PAYLOAD = 80;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;

/** The ends of the logs that somebody watches here: fed by this process's own writes, and woken by the others'. */
export class Tails {
  readonly #parts: TailsParts;
  readonly #opened = new Map<string, Promise<Opened>>();
  readonly #listener: Listener;
  readonly #stopping = new AbortController();
  #toTell = new Map<string, bigint>();
  #telling: Promise<void> | undefined;

  constructor(parts: TailsParts) {
    this.#parts = parts;
    const { url, log, clock, processId } = parts;
    this.#listener = listen({
      url,
      channels: [CHANNEL],
      log,
      clock,
      onNotification: (_channel, payload) => {
        const notice = readNotice(payload);
        if (!notice) log.warn({ event: 'watch_notice' }, 'a notice is none of ours; it is passed over');
        else if (notice.from !== processId)
          for (const [tenantId, head] of Object.entries(notice.heads)) this.#moved(tenantId, BigInt(head));
      },
      onGap: () => {
        for (const tenantId of this.#opened.keys()) this.#moved(tenantId, undefined);
      },
    });
  }

  /** The tail of a tenant until it is given back. */
  async open(tenantId: string): Promise<{ tail: Tail; close(): void }> {
    const opening = this.#opened.get(tenantId) ?? this.#begin(tenantId);
    const opened = await opening;
    opened.users += 1;
    return {
      tail: opened.tail,
      close: () => {
        opened.users -= 1;
        if (opened.users === 0 && this.#opened.get(tenantId) === opening) this.#opened.delete(tenantId);
      },
    };
  }

  #begin(tenantId: string): Promise<Opened> {
    const opening = this.#openAt(tenantId);
    this.#opened.set(tenantId, opening);
    opening.catch(() => {
      if (this.#opened.get(tenantId) === opening) this.#opened.delete(tenantId);
    });
    return opening;
  }

  async #openAt(tenantId: string): Promise<Opened> {
    const head = await withRetry(() => store.headOf(this.#parts.database, tenantId));
    const tail = new Tail(head, this.#parts);
    return { tail, users: 0, isBehind: false, reading: undefined };
  }

  /** After the commit of this process. */
  written(written: readonly Written[]): void {
    for (const { tenantId, last, events } of written) {
      void this.#opened.get(tenantId)?.then(
        (opened) => this.#append(tenantId, opened, last, events),
        () => undefined,
      );
      this.#toTell.set(tenantId, last);
    }
    this.#telling ??= this.#tell().finally(() => (this.#telling = undefined));
  }

  #append(tenantId: string, opened: Opened, last: bigint, events: Written['events']): void {
    const { tail } = opened;
    const before = last - BigInt(events.length);
    // Another process wrote in between: the log knows in which order.
    if (before !== tail.head || opened.reading) return this.#catchUp(tenantId, opened, last);
    tail.append(
      events.map((event, index) => ({ ...event, position: before + BigInt(index + 1) })),
      last,
    );
  }

  #moved(tenantId: string, head: bigint | undefined): void {
    void this.#opened.get(tenantId)?.then(
      (opened) => this.#catchUp(tenantId, opened, head),
      () => undefined,
    );
  }

  #catchUp(tenantId: string, opened: Opened, head: bigint | undefined): void {
    if (head !== undefined && head <= opened.tail.head) return;
    opened.isBehind = true;
    opened.reading ??= this.#readOn(tenantId, opened).finally(() => {
      opened.reading = undefined;
      // What was noted after the last look.
      if (opened.isBehind && !this.#stopping.signal.aborted) this.#catchUp(tenantId, opened, undefined);
    });
  }

  async #readOn(tenantId: string, opened: Opened): Promise<void> {
    const { clock, log } = this.#parts;
    const { signal } = this.#stopping;
    const { tail } = opened;
    let pauseMs = FIRST_PAUSE_MS;
    while (!signal.aborted && opened.users > 0) {
      opened.isBehind = false;
      try {
        const events = await this.read({ tenantId, after: tail.head });
        if (events.length > 0) tail.append(events, events.at(-1)!.position);
        if (events.length < PAGE && !opened.isBehind) return;
        pauseMs = FIRST_PAUSE_MS;
      } catch (error) {
        opened.isBehind = true;
        log.warn({ event: 'watch_log_unread', err: error }, 'watchers wait: the log can not be read');
        await pause(clock, pauseMs, signal);
        pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
      }
    }
    opened.isBehind = false;
  }

  /** A page of the log itself. */
  async read({ limit = PAGE, ...wanted }: Page): Promise<LogEvent[]> {
    const { database, keys } = this.#parts;
    const rows = await store.readEvents(database, { ...wanted, limit });
    if (rows.length === 0) return [];
    const key = await keys.of(wanted.tenantId);
    return rows.map(({ position, session_id: sessionId, body }) => ({
      position,
      sessionId,
      response: fromBinary(WatchMessagesResponseSchema, decryptEvent(key, sessionId, body)),
    }));
  }

  /** One statement at a time, of what was written while the last one ran. */
  async #tell(): Promise<void> {
    const { database, processId, clock, log } = this.#parts;
    const { signal } = this.#stopping;
    let pauseMs = FIRST_PAUSE_MS;
    while (this.#toTell.size > 0 && !signal.aborted) {
      const heads = this.#toTell;
      this.#toTell = new Map();
      try {
        await store.notify(database, CHANNEL, noticesOf(processId, heads));
        pauseMs = FIRST_PAUSE_MS;
      } catch (error) {
        for (const [tenantId, head] of heads)
          if (!this.#toTell.has(tenantId)) this.#toTell.set(tenantId, head);
        log.warn({ event: 'watch_not_notified', err: error }, 'other processes hear of events later');
        await pause(clock, pauseMs, signal);
        pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
      }
    }
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    await this.#telling;
    await this.#listener.close();
  }
}

interface Notice {
  readonly from: string;
  /** Of each tenant that was written to. */
  readonly heads: Readonly<Record<string, string>>;
}

function noticesOf(from: string, heads: ReadonlyMap<string, bigint>): string[] {
  const entries = [...heads];
  const payloads: string[] = [];
  for (let at = 0; at < entries.length; at += TENANTS_A_PAYLOAD) {
    const some = entries.slice(at, at + TENANTS_A_PAYLOAD).map(([tenant, head]) => [tenant, String(head)]);
    payloads.push(JSON.stringify({ from, heads: Object.fromEntries(some) } satisfies Notice));
  }
  return payloads;
}

/** Whoever may log in to the database may notify. */
function readNotice(payload: string): Notice | undefined {
  try {
    const parsed = JSON.parse(payload) as Partial<Notice> | null;
    if (typeof parsed?.from !== 'string' || typeof parsed.heads !== 'object') return undefined;
    const heads: readonly unknown[] = Object.values(parsed.heads);
    return heads.every((head) => typeof head === 'string' && /^\d{1,18}$/.test(head))
      ? (parsed as Notice)
      : undefined;
  } catch {
    return undefined;
  }
}
