import { createHash } from 'node:crypto';
import { toBinary, type DescMessage, type MessageShape } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import {
  SendMessageRequestSchema,
  type SendMessageRequest,
} from '#gen/telegate/messaging/v1/messaging_service_pb.ts';
import type { Principal } from '#lib/auth/principal.ts';
import type { Clock } from '#lib/lifecycle/clock.ts';
import type { FieldViolation } from '#lib/rpc/errors.ts';
import * as validate from '#lib/requests/validate.ts';
import { messageId } from '../message-id.ts';
import { readTarget, type Target } from '../peers/target.ts';
import { LONGEST_CAPTION, LONGEST_TEXT, readText } from '../text/entities.ts';
import type { FormattedText } from '../text/formatted.ts';
import { readAttachment, type WantedFile } from './attachment.ts';
import type { SendKey } from './store.ts';

export type RequestKey = Omit<SendKey, 'sessionId' | 'accountId'>;

/** What is to be sent. */
export interface SendWish {
  readonly target: Target;
  readonly text: FormattedText;
  readonly replyTo: number;
  readonly silent: boolean;
  /** Epoch seconds. */
  readonly scheduleDate: number | undefined;
  readonly file: WantedFile | undefined;
  readonly waitForFlood: boolean;
}

const FURTHEST_MS = 365 * 86_400_000;

export function readSend(violations: FieldViolation[], request: SendMessageRequest, clock: Clock): SendWish {
  const { attachment, scheduleTime } = request;
  readRequestId(violations, request.requestId);
  const scheduleMs = scheduleTime && timestampMs(scheduleTime);
  if (scheduleMs !== undefined && !(scheduleMs > 0 && scheduleMs <= clock.now() + FURTHEST_MS))
    violations.push({
      field: 'schedule_time',
      description: 'is more than a year ahead, or no time; send one within 365 days',
    });
  return {
    target: readTarget(violations, 'peer', request.peer),
    text: readText(violations, 'text', request.text, {
      format: request.format,
      longest: attachment ? LONGEST_CAPTION : LONGEST_TEXT,
      mayBeEmpty: attachment !== undefined,
    }),
    replyTo: messageId(violations, 'reply_to_message_id', request.replyToMessageId, { optional: true }),
    silent: request.silent,
    scheduleDate: scheduleMs === undefined ? undefined : Math.floor(scheduleMs / 1_000),
    file: attachment && readAttachment(violations, attachment),
    waitForFlood: request.waitForFlood,
  };
}

export function readRequestId(violations: FieldViolation[], value: string): string {
  return validate.text(violations, 'request_id', value, { min: 1, max: 128 });
}

/** The account may be named in another way at a repeat, and flood waited for or not: it is the same message. */
export function sendKey(principal: Principal, request: SendMessageRequest): RequestKey {
  const body = { ...request, actor: undefined, waitForFlood: false };
  return requestKey(principal, 'SendMessage', request.requestId, SendMessageRequestSchema, body);
}

export function requestKey<Desc extends DescMessage>(
  { tenantId, subject }: Pick<Principal, 'tenantId' | 'subject'>,
  method: string,
  requestId: string,
  schema: Desc,
  body: MessageShape<Desc>,
): RequestKey {
  // None of these messages has a map: the same message has the same bytes.
  const bytes = toBinary(schema, body, { writeUnknownFields: false });
  const bodyHash = createHash('sha256').update(bytes).digest();
  return { principal: `${tenantId}/${subject}`, tenantId, method, requestId, bodyHash };
}
