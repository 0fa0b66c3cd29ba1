import { resolve } from 'node:path';
import { AccountAuthService } from '#gen/telegate/account_auth/v1/account_auth_service_pb.ts';
import {
  MessagingService,
  WatchMessagesResponseSchema,
  type WatchMessagesResponse,
} from '#gen/telegate/messaging/v1/messaging_service_pb.ts';
import { pause } from '#lib/lifecycle/clock.ts';
import { RpcError } from '#lib/rpc/status.ts';
import { command, type Invocation } from '../command.ts';
import { exitCode, type ExitCode } from '../exit-code.ts';
import { findAccountId, NAMING } from '../named-account.ts';
import { isUnreachable, Unreachable, type Service } from '../service.ts';
import { messageJson } from '../terminal/output.ts';
import { openCursorFile, type CursorFile } from '../watch/cursor-file.ts';
import { watchLine } from '../watch/event-text.ts';

const options = {
  'cursor-file': {
    type: 'string',
    value: 'PATH',
    doc: 'keeps where it stands, and goes on there the next time (default: begin now)',
  },
  messages: { type: 'boolean', doc: 'only messages that come, go and are edited, and gaps' },
} as const;

type Messaging = Service<typeof MessagingService>;

const PAUSE_MS = 1_000;

export const watch = command({
  name: 'watch',
  summary: 'prints what happens to accounts, all of them unless named, until Ctrl-C',
  detail:
    `${NAMING}\nAfter a broken connection it goes on where it was. Events may come twice after a crash; where some are\n` +
    'missing it says "gap".',
  operands: ['[ACCOUNT…]'],
  options,
  examples: ['telegate watch', 'telegate watch +15551234567 --messages --cursor-file ./inbox.cursor --json'],
  async run(call) {
    const { operands, values, service, clock, cwd, out } = call;
    const accounts = service(AccountAuthService);
    const accountIds: string[] = [];
    for (const text of operands) accountIds.push(await findAccountId(() => accounts, text));
    const path = values['cursor-file'];
    const cursor = openCursorFile(path === undefined ? undefined : resolve(cwd, path), clock);
    const nameOf = out.isJson ? () => '' : await accountNames(accounts);
    try {
      return await follow(call, service(MessagingService), accountIds, cursor, nameOf);
    } finally {
      cursor.close();
    }
  },
});

/** A mesh that was there once is waited for; one that never answered is a failure. */
async function follow(
  { out, clock, stop, values }: Invocation<typeof options>,
  messaging: Messaging,
  accountIds: readonly string[],
  cursor: CursorFile,
  nameOf: (accountId: string) => string,
): Promise<ExitCode> {
  const { addresses } = messaging.place;
  let hasAnswered = false;
  let isTold = false;
  let problem: unknown;
  for (let attempt = 0; !stop.aborted; attempt += 1) {
    if (attempt > 0 && attempt % addresses.length === 0) {
      if (!hasAnswered) throw new Unreachable(messaging.place, problem);
      await pause(clock, PAUSE_MS, stop);
    }
    const client = messaging.connect(addresses[attempt % addresses.length]!);
    try {
      const request = { accountIds: [...accountIds], cursor: cursor.cursor };
      for await (const response of client.watchMessages(request, { signal: stop, isLongLived: true })) {
        hasAnswered = true;
        isTold = false;
        if (values.messages !== true || isMessage(response))
          out.event(
            () => messageJson(WatchMessagesResponseSchema, response),
            () => watchLine(response, nameOf(response.accountId), clock.now(), out.paint),
          );
        // Printed first: what is printed twice is found, what is not printed is lost.
        if (response.cursor !== '') cursor.moveTo(response.cursor);
      }
    } catch (error) {
      if (!stop.aborted && !isUnreachable(MessagingService, error)) throw error;
      problem = error;
    } finally {
      client.close();
    }
    if (!hasAnswered || stop.aborted || isTold) continue;
    isTold = true;
    out.note('The connection broke; connecting again.');
  }
  return exitCode.ok;
}

function isMessage({ event }: WatchMessagesResponse): boolean {
  return event.case === 'messageAdded' || event.case === 'messageEdited' || event.case === 'gap';
}

/** Phones or names in place of ids, for people; a key that may not list accounts does without. */
async function accountNames(accounts: Service<typeof AccountAuthService>): Promise<(id: string) => string> {
  const names = new Map<string, string>();
  try {
    const listed = await accounts.call((client) => client.listAccounts({ pageSize: 1_000 }));
    for (const { accountId, name, phone } of listed.accounts) names.set(accountId, name || phone);
  } catch (error) {
    if (!(error instanceof RpcError) && !(error instanceof Unreachable)) throw error;
  }
  return (id) => (id === '' ? 'all' : (names.get(id) ?? id));
}
