import { status } from '@grpc/grpc-js';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { DomainError } from '#lib/rpc/errors.ts';
import type { MaterialFormat } from './material.ts';

const names: Record<MaterialFormat, string> = {
  'gramjs-string': 'GramJS string',
  'telethon-string': 'Telethon string',
  'telethon-file': 'Telethon file',
  'pyrogram-string': 'Pyrogram string',
  'pyrogram-file': 'Pyrogram file',
};

/** What was to be read is no session, or a damaged one; `problem` says what is wrong and shows none of it. */
export class SessionMalformed extends DomainError {
  override readonly code = status.INVALID_ARGUMENT;
  override readonly reason = ErrorReason.SESSION_MALFORMED;
  readonly format: MaterialFormat | undefined;
  readonly problem: string;

  constructor(format: MaterialFormat | undefined, problem: string) {
    super(
      format ? `This ${names[format]} can not be read: ${problem}.` : `This is not a session: ${problem}.`,
      format ? { format } : {},
    );
    this.format = format;
    this.problem = problem;
  }
}

/** The format has no room for this session, or needs something of it that is not known. */
export class SessionNotExpressible extends DomainError {
  override readonly code = status.INVALID_ARGUMENT;
  override readonly reason = ErrorReason.INVALID_FIELD;

  constructor(format: MaterialFormat, problem: string) {
    super(`The session can not be written as a ${names[format]}: ${problem}. Ask for another format.`, {
      format,
    });
    this.fieldViolations = [{ field: 'format', description: problem }];
  }
}

/** The session file is there and may be sound, but can not be read now. */
export class SessionFileUnavailable extends DomainError {
  override readonly code = status.UNAVAILABLE;
  override readonly reason = ErrorReason.DEPENDENCY_UNAVAILABLE;
  /** Another program has it locked: it may be free in a moment. */
  readonly locked: boolean;

  constructor(problem: string, options: { locked: boolean; cause?: unknown }) {
    super(
      `The session file can not be read: ${problem}.`,
      { dependency: 'session file' },
      { cause: options.cause },
    );
    this.locked = options.locked;
    this.retryAfterMs = 1_000;
  }
}
