import { BreakerOpen, FloodWait, TelegramRefused } from '#lib/telegram/errors.ts';
import type { LiveSession } from '../connections/live-session.ts';
import type { Messaging } from '../messaging.ts';
import { ceilingOn, giveBack, takePlace, type PostAction } from './ceiling.ts';
import type { Post } from './thread.ts';

/** The ceilings of this process. */
export interface Ceilings {
  readonly database: Messaging['database'];
  /** Comments and reactions a post, each. */
  readonly postCeiling: number;
}

/**
 * Does `work` if the post has a place for it. A place is given back only for what Telegram certainly did not do;
 * `mayHaveBeenDone` says that an attempt before this one may have been.
 */
export async function atPost<T>(
  { database, postCeiling }: Ceilings,
  { environment, tenantId }: LiveSession,
  { channel, postId, kind, actor }: Post & Pick<PostAction, 'kind' | 'actor'>,
  mayHaveBeenDone: boolean,
  work: () => Promise<T>,
): Promise<T> {
  const action: PostAction = { environment, tenantId, channel, postId, kind, actor };
  const isNew = await takePlace(database, action, ceilingOn(environment, postCeiling));
  try {
    return await work();
  } catch (error) {
    if (isNew && !mayHaveBeenDone && wasNotDone(error)) await giveBack(database, action);
    throw error;
  }
}

function wasNotDone(error: unknown): boolean {
  if (error instanceof TelegramRefused) return error.verdict.kind !== 'sent_before';
  return error instanceof FloodWait || error instanceof BreakerOpen;
}
