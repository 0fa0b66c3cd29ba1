import { expect } from 'vitest';
import { ConnectionState } from '#gen/telegate/messaging/v1/messaging_pb.ts';
import type { WatchMessagesResponse } from '#gen/telegate/messaging/v1/messaging_service_pb.ts';
import type { MessagingClient, MessagingMesh, TestSession } from '../../../tests/support/messaging.ts';

/** A watch whose events are gathered. */
export interface Watched {
  readonly events: WatchMessagesResponse[];
  /** What it ended with; undefined when by itself. */
  readonly ended: Promise<unknown>;
  texts(): string[];
  cursor(): string;
  stop(): void;
}

export function watch(
  client: Pick<MessagingClient, 'watchMessages'>,
  request: { accountIds?: string[]; cursor?: string } = {},
): Watched {
  const stopping = new AbortController();
  const stream = client.watchMessages(request, { signal: stopping.signal });
  const events: WatchMessagesResponse[] = [];
  const ended = (async () => {
    try {
      for await (const event of stream) events.push(event);
      return undefined;
    } catch (error) {
      return error;
    }
  })();
  return {
    events,
    ended,
    texts: () => textsOf(events),
    cursor: () => events.at(-1)!.cursor,
    stop: () => stopping.abort(),
  };
}

export function textsOf(events: readonly WatchMessagesResponse[]): string[] {
  return events.flatMap(({ event }) => (event.case === 'messageAdded' ? [event.value.text] : []));
}

export function casesOf(events: readonly WatchMessagesResponse[]): string[] {
  return events.flatMap(({ event }) => (event.case === 'connectionState' ? [] : (event.case ?? [])));
}

/** Resolves when so many accounts were said to be connected. */
export async function connected({ events }: Watched, count = 1): Promise<void> {
  const up = (): Set<string> =>
    new Set(
      events.flatMap(({ accountId, event }) =>
        event.case === 'connectionState' && event.value === ConnectionState.CONNECTED ? [accountId] : [],
      ),
    );
  await expect.poll(() => up().size, { timeout: 60_000 }).toBe(count);
}

/** Telegram has it from somebody who is not of the mesh. */
export async function say(
  { control }: Pick<MessagingMesh, 'control'>,
  from: Pick<TestSession, 'account'>,
  to: Pick<TestSession, 'account'>,
  text: string,
): Promise<void> {
  await control.control.sendMessage({
    accountId: String(from.account.id),
    to: { peer: { case: 'accountId', value: String(to.account.id) } },
    text,
  });
}

export function numbered(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix} ${index + 1}`);
}
