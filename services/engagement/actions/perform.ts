import { sql, type QueryExecutorProvider } from 'kysely';
import type { MessagingService } from '#gen/telegate/messaging/v1/messaging_service_pb.ts';
import { TextFormat, type Message } from '#gen/telegate/messaging/v1/messaging_pb.ts';
import { withRetry } from '#lib/postgres/transaction.ts';
import type { Client } from '#lib/rpc/client.ts';
import type { Parent } from '../engagement.ts';
import type { EngagementDatabase } from '../tables.ts';
import { isDisclosed } from '../texts/disclosure.ts';
import { sendDisclosed } from '../texts/send.ts';
import type { Texts } from '../texts/texts.ts';
import { actorOf, inChannel } from './channel.ts';
import { verdictOfError, type Verdict } from './model.ts';
import type { Started } from './started.ts';

export interface PerformParts {
  readonly database: EngagementDatabase;
  readonly messaging: Client<typeof MessagingService>;
  readonly texts: Texts;
}

export interface Performed {
  readonly verdict: Verdict;
  readonly wasTried: boolean;
  readonly messageId: bigint;
}

const GONE: Verdict = { kind: 'skipped', reason: 'the post is gone', doubtsTarget: false };
const DONE: Verdict = { kind: 'done' };

const untried = (verdict: Verdict): Performed => ({ verdict, wasTried: false, messageId: 0n });

/** Does one action, by messaging alone. Never throws. */
export async function perform(parts: PerformParts, action: Started, parent: Parent): Promise<Performed> {
  let wasTried = false;
  const trying = (): void => void (wasTried = true);
  try {
    switch (action.kind) {
      case 'comment':
        return await comment(parts, action, parent, trying);
      case 'reaction':
        trying();
        await inChannel(parts.messaging, action, parent, () =>
          parts.messaging.sendReaction(
            {
              actor: actorOf(action),
              peer: action.channel,
              messageId: action.postId,
              emoji: action.content,
            },
            { parent },
          ),
        );
        return { verdict: DONE, wasTried, messageId: 0n };
      case 'view':
        trying();
        return { verdict: await view(parts, action, parent), wasTried, messageId: 0n };
    }
  } catch (error) {
    return { verdict: verdictOfError(error), wasTried, messageId: 0n };
  }
}

async function comment(
  parts: PerformParts,
  action: Started,
  parent: Parent,
  trying: () => void,
): Promise<Performed> {
  const { messaging, texts, database } = parts;
  const { disclosureLine } = texts;
  let text = action.content;
  if (!isDisclosed(text, disclosureLine)) {
    const post = await readPost(messaging, action, parent);
    if (!post) return untried(GONE);
    const { comments: plan } = action.plan;
    if (!plan) return untried({ kind: 'failed', reason: 'the campaign does not say what comments say' });
    const composed = await texts.compose(
      {
        tenantId: action.tenantId,
        campaignId: action.campaignId,
        actionId: action.actionId,
        plan,
        post: { channelTitle: post.peer?.title ?? '', text: post.text },
      },
      parent.signal,
    );
    if (composed.kind === 'failed') return untried({ kind: 'failed', reason: composed.reason });
    if (composed.kind === 'later')
      return untried({ kind: 'again', reason: composed.reason, afterMs: composed.afterMs, isUnsure: false });
    ({ text } = composed);
    // Before the call: whoever repeats it sends the same.
    await withRetry(() => keepContent(database.kysely, action.actionId, text));
  }
  trying();
  const { message } = await inChannel(messaging, action, parent, () =>
    sendDisclosed(
      messaging,
      disclosureLine,
      {
        actor: actorOf(action),
        channel: action.channel,
        postId: action.postId,
        text,
        format: TextFormat.PLAIN,
        requestId: action.actionId,
      },
      { parent },
    ),
  );
  return { verdict: DONE, wasTried: true, messageId: message?.messageId ?? 0n };
}

/** Reads what a reader reads. Messaging asks Telegram for the messages and marks them; no counter is raised. */
async function view(
  { messaging }: Pick<PerformParts, 'messaging'>,
  action: Started,
  parent: Parent,
): Promise<Verdict> {
  const actor = actorOf(action);
  const post = await readPost(messaging, action, parent);
  if (!post) return GONE;
  if (action.plan.view?.object === 'comments') {
    const { posts: comments } = await messaging.getPosts(
      { actor, channel: action.channel, commentsOfPostId: action.postId, pageSize: 100 },
      { parent },
    );
    const newest = comments[0];
    if (newest?.peer)
      await messaging.markRead(
        { actor, peer: newest.peer.peer, upToMessageId: newest.messageId },
        { parent },
      );
    return DONE;
  }
  await messaging.markRead({ actor, peer: action.channel, upToMessageId: action.postId }, { parent });
  return DONE;
}

async function readPost(
  messaging: PerformParts['messaging'],
  action: Started,
  parent: Parent,
): Promise<Message | undefined> {
  const { posts } = await inChannel(messaging, action, parent, () =>
    messaging.getPosts(
      { actor: actorOf(action), channel: action.channel, postIds: [action.postId] },
      { parent },
    ),
  );
  return posts[0];
}

async function keepContent(executor: QueryExecutorProvider, actionId: string, text: string): Promise<void> {
  await sql`update actions set content = ${text} where action_id = ${actionId} and content <> ${text}`.execute(
    executor,
  );
}
