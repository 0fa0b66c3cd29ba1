/** A start that cannot go on; the message is for people and says what to do. */
export class StartFailure extends Error {
  override readonly name = 'StartFailure';
}

interface SystemError extends Error {
  code?: string;
  path?: string;
}

export function errorCode(error: unknown): string | undefined {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' ? code : undefined;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Says what to do about an error of the file system met under `folder`; undefined for other errors. */
export function explainFileError(error: unknown, folder: string): string | undefined {
  const { path } = error as SystemError;
  const place = path ?? folder;
  if (isDiskFull(error))
    return `The disk that holds ${folder} is full. Free some space there, or set TELEGATE_HOME to a folder on another disk, and start again.`;
  switch (errorCode(error)) {
    case 'EACCES':
    case 'EPERM':
      return `No right to create or change ${place}. Give your user the right to write there, or set TELEGATE_HOME to a folder that is yours.`;
    case 'EROFS':
      return `${place} is on a read-only file system. Set TELEGATE_HOME to a folder that can be written.`;
    case 'ENOTDIR':
    case 'EEXIST':
      return `${place} cannot be made: a file of that name, or of a folder on the way, is there already. Move it away, or set TELEGATE_HOME to another folder.`;
    case 'EMFILE':
    case 'ENFILE':
      return 'Too many files are open. Raise the limit (ulimit -n 4096) and start again.';
    default:
      return undefined;
  }
}

/** PostgreSQL and nats-server report a full disk in words, everything else by its code. */
export function isDiskFull(error: unknown): boolean {
  const code = errorCode(error);
  return (
    code === 'ENOSPC' ||
    code === 'EDQUOT' ||
    code === '53100' ||
    /no space left on device|disk quota exceeded/i.test(messageOf(error))
  );
}
