/** An error of a call, as MTProto's `rpc_error` carries it. */
export class RpcError extends Error {
  readonly code: number;
  readonly text: string;

  constructor(text: string, code: number = codeOf(text)) {
    super(text);
    this.name = 'RpcError';
    this.text = text;
    this.code = code;
  }
}

const CODES: readonly [RegExp, number][] = [
  [/_MIGRATE_\d+$/, 303],
  [/^(FLOOD_WAIT|FLOOD_PREMIUM_WAIT|SLOWMODE_WAIT|TAKEOUT_INIT_DELAY|STORY_SEND_FLOOD)_/, 420],
  [/^FROZEN_METHOD_INVALID$/, 420],
  [/^(AUTH_KEY_DUPLICATED|UPDATE_APP_TO_LOGIN|PHONE_PASSWORD_FLOOD|FRESH_CHANGE_PHONE_FORBIDDEN)$/, 406],
  [/^(AUTH_KEY_(UNREGISTERED|INVALID|PERM_EMPTY)|SESSION_(REVOKED|EXPIRED|PASSWORD_NEEDED))$/, 401],
  [/^USER_DEACTIVATED(_BAN)?$/, 401],
  [/^(CHAT_WRITE_FORBIDDEN|CHAT_ADMIN_REQUIRED|CHAT_SEND_\w+_FORBIDDEN|MESSAGE_AUTHOR_REQUIRED)$/, 403],
  [/^(USER_PRIVACY_RESTRICTED|PRIVACY_PREMIUM_REQUIRED|MESSAGE_DELETE_FORBIDDEN|RIGHT_FORBIDDEN)$/, 403],
  [
    /^(RPC_\w+_FAIL|MSG_WAIT_FAILED|INTERDC_\w+|WORKER_BUSY\w*|HISTORY_GET_FAILED|MSGID_DECREASE_RETRY)$/,
    500,
  ],
  [/^Timeout$/, -503],
];

/** The number that Telegram sends with a text; 400 for those not known here. */
export function codeOf(text: string): number {
  return CODES.find(([pattern]) => pattern.test(text))?.[1] ?? 400;
}

/** The text without its number: "FLOOD_WAIT_42" → "FLOOD_WAIT". */
export function kindOf(text: string): string {
  return text.replace(/_\d+$/, '');
}
