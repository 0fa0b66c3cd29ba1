import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { CodeKind, LoginSchema, LoginState, type Login } from '#gen/telegate/account_auth/v1/account_pb.ts';
import type { LoginRow, StoredCodeKind } from './tables.ts';

const CODE_KINDS: Readonly<Record<StoredCodeKind, CodeKind>> = {
  '': CodeKind.UNSPECIFIED,
  app: CodeKind.APP,
  sms: CodeKind.SMS,
  call: CodeKind.CALL,
  email: CodeKind.EMAIL,
};

export function loginMessage(row: LoginRow): Login {
  return create(LoginSchema, {
    loginId: row.login_id,
    phone: row.phone,
    state: stateOf(row),
    codeKind: CODE_KINDS[row.code_kind],
    codeLength: row.code_length,
    nextCodeKind: CODE_KINDS[row.next_code_kind],
    ...(row.resend_time ? { resendTime: timestampFromDate(row.resend_time) } : {}),
    attemptsLeft: row.attempts_left,
    passwordHint: row.password_hint,
    expireTime: timestampFromDate(row.expire_time),
    createTime: timestampFromDate(row.create_time),
    accountId: row.account_id ?? '',
    sessionId: row.session_id ?? 0n,
    endReason: row.end_reason,
  });
}

/** What Telegram has authorised and the pool has not yet still waits for the answer to the call before. */
function stateOf({ state, kind }: LoginRow): LoginState {
  switch (state) {
    case 'starting':
    case 'code_sent':
      return kind === 'qr' ? LoginState.QR_SHOWN : LoginState.CODE_SENT;
    case 'qr_shown':
      return LoginState.QR_SHOWN;
    case 'password_needed':
      return LoginState.PASSWORD_NEEDED;
    case 'finishing':
      return kind === 'qr' ? LoginState.QR_SHOWN : LoginState.CODE_SENT;
    case 'authorised':
      return LoginState.AUTHORISED;
    case 'cancelled':
      return LoginState.CANCELLED;
    case 'failed':
      return LoginState.FAILED;
  }
}
