import { randomUUID } from 'node:crypto';
import { basename } from 'node:path';
import { AccountAuthService } from '#gen/telegate/account_auth/v1/account_auth_service_pb.ts';
import { TextFormat } from '#gen/telegate/messaging/v1/messaging_pb.ts';
import {
  MessagingService,
  SendMessageResponseSchema,
} from '#gen/telegate/messaging/v1/messaging_service_pb.ts';
import { SessionPoolService } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { actorOptions, readActor } from '../actor.ts';
import { command } from '../command.ts';
import { exitCode } from '../exit-code.ts';
import { STANDARD_INPUT } from '../input.ts';
import { Misuse } from '../misuse.ts';
import { repeatableBy } from '../retryable.ts';
import { plain } from '../terminal/table.ts';
import { moment } from '../terminal/times.ts';
import { readEnum, readId, readMilliseconds, readMoment } from '../values.ts';

/** 4,096 characters of up to four bytes. */
const MAX_TEXT_BYTES = 16_384;
const MAX_FILE_BYTES = 3 * 1_048_576;
const LIMIT_MS = 30_000;

const formats: ReadonlyMap<string, TextFormat> = new Map([
  ['plain', TextFormat.PLAIN],
  ['markdown', TextFormat.MARKDOWN],
  ['html', TextFormat.HTML],
]);

export const send = command({
  name: 'send',
  summary: 'sends a message; the text is an argument, or comes from the standard input',
  detail:
    'PEER is @username, a phone, a t.me link, or what telegate watch --json calls "peer". A failure after which it\n' +
    'may be sent all the same prints a request id: with --request-id the repeat sends nothing twice.',
  operands: ['PEER', '[TEXT|-]'],
  options: {
    ...actorOptions,
    'reply-to': { type: 'string', value: 'MESSAGE', doc: 'the number of the message it answers' },
    silent: { type: 'boolean', doc: 'without a sound at the receiver' },
    at: { type: 'string', value: 'TIME', doc: 'Telegram sends it then: 2026-12-24T18:00, or 2h from now' },
    file: { type: 'string', value: 'PATH', doc: 'a photo or document to attach, up to 3 MiB' },
    'as-document': { type: 'boolean', doc: 'the file as a document, even if it is a picture' },
    format: { type: 'string', value: 'FORMAT', doc: 'plain, markdown or html (default: plain)' },
    wait: { type: 'string', value: '1m', doc: 'wait so long for a flood wait to end (default: not at all)' },
    'request-id': { type: 'string', value: 'ID', doc: 'of an earlier attempt, to repeat it' },
  },
  examples: [
    'telegate send @anna "Good morning" --account +15551234567',
    'telegate send @ops - --account monitor --silent < report.txt',
    'telegate send @anna "As agreed" --account support-1 --file ./offer.pdf --at 2h',
  ],
  async run(call) {
    const { operands, values, readInput, isPiped, service, out, clock } = call;
    const [peer, given] = operands as [string, string?];
    const replyTo = readId('--reply-to', values['reply-to']);
    const scheduleTime = readMoment('--at', values.at, clock.now());
    const format = readEnum('--format', values.format, formats) ?? TextFormat.UNSPECIFIED;
    const waitMs = readMilliseconds('--wait', values.wait) ?? 0;
    const attachment = values.file === undefined ? undefined : await attached(values.file);
    const text = await readText();
    const actor = await readActor(values, {
      accounts: () => service(AccountAuthService),
      pool: () => service(SessionPoolService),
    });
    const requestId = values['request-id'] ?? randomUUID();
    const request = {
      actor,
      peer,
      text,
      format,
      requestId,
      silent: values.silent === true,
      waitForFlood: waitMs > 0,
      ...(replyTo === undefined ? {} : { replyToMessageId: replyTo }),
      ...(scheduleTime === undefined ? {} : { scheduleTime }),
      ...(attachment === undefined ? {} : { attachment }),
    };
    const sending = service(MessagingService).call((client) =>
      client.sendMessage(request, { deadlineMs: LIMIT_MS + waitMs }),
    );
    const response = await repeatableBy(requestId, sending);
    const { message } = response;
    out.answer(SendMessageResponseSchema, response, () => {
      const to = message!.peer?.title || peer;
      const when = moment(message!.sendTime, clock.now());
      return scheduleTime === undefined
        ? plain(`Sent to ${to} as message ${message!.messageId} at ${when}.`)
        : plain(`Telegram sends it to ${to} at ${moment(scheduleTime, clock.now())}.`);
    });
    return exitCode.ok;

    async function readText(): Promise<string> {
      const fromInput =
        given === STANDARD_INPUT || (given === undefined && isPiped && attachment === undefined);
      if (!fromInput) {
        if (given === undefined && attachment === undefined)
          throw new Misuse('TEXT is missing: write it after the peer, or pipe it in.');
        return given ?? '';
      }
      const bytes = await readInput(STANDARD_INPUT, MAX_TEXT_BYTES);
      return bytes.toString('utf8').replace(/\r?\n$/, '');
    }

    async function attached(path: string) {
      const content = await readInput(path, MAX_FILE_BYTES);
      return {
        source: { case: 'content' as const, value: new Uint8Array(content) },
        fileName: path === STANDARD_INPUT ? 'file' : basename(path),
        asDocument: values['as-document'] === true,
      };
    }
  },
});
