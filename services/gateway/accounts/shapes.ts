import type { Account } from '#gen/telegate/account_auth/v1/account_pb.ts';
import { nullable, object, text, time } from '../docs/schema.ts';
import { isoTime, stateSchema, stateText, statusText } from '../profiles/shapes.ts';
import { idNumber } from '../sessions/fields.ts';

export function accountJson(account: Account) {
  const { createTime, loginTime, sessionId } = account;
  return {
    id: account.accountId,
    name: account.name,
    phone: account.phone || null,
    status: statusText(account.status),
    state: stateText(account.state),
    state_reason: account.stateReason || null,
    username: account.username || null,
    session_id: sessionId === 0n ? null : idNumber(sessionId),
    created_at: isoTime(createTime!),
    logged_in_at: loginTime ? isoTime(loginTime) : null,
  };
}

export const accountSchema = object({
  id: text('A UUID.'),
  name: text("The owner's name for it.", 'Support'),
  phone: nullable(
    'string',
    'In E.164; null for a session from a file until it is first seen.',
    '+15550000001',
  ),
  status: { type: 'string', enum: ['active', 'paused'], description: "The owner's word.", example: 'active' },
  state: stateSchema,
  state_reason: nullable('string', 'Why, as Telegram said it.'),
  username: nullable('string', 'Without "@".', 'support_desk'),
  session_id: nullable('integer', 'Its session in the pool.', 42),
  created_at: time('When it was created.'),
  logged_in_at: nullable('string', 'When it last logged in here.'),
});
