import { ChannelKind } from '#gen/telegate/local_telegram/v1/world_pb.ts';
import type { Telegram } from './telegram.ts';
import { publish } from './world/channels.ts';
import { sendPrivate } from './world/private-chats.ts';
import type { Account, ScheduledMessage } from './world/state.ts';

/** Sends a message when it is due, unless it has been taken back or sent by then. */
export function schedule(telegram: Telegram, account: Account, message: ScheduledMessage): void {
  telegram.clock.setTimer(message.dueTime - telegram.world.now(), () => {
    if (account.scheduled.get(message.id) !== message) return;
    if (message.dueTime > telegram.world.now()) schedule(telegram, account, message);
    else sendScheduled(telegram, account, message);
  });
}

/** Sets the timers of a world that was read from a file. */
export function scheduleAll(telegram: Telegram): void {
  for (const account of telegram.world.state.accounts.values())
    for (const message of account.scheduled.values()) schedule(telegram, account, message);
}

export function sendScheduled(telegram: Telegram, account: Account, message: ScheduledMessage): void {
  const { world } = telegram;
  account.scheduled.delete(message.id);
  const content = { ...message.content, date: world.now() };
  const { chat, replyTo } = message;
  if (chat > 0) {
    const to = world.state.accounts.get(chat);
    if (to) sendPrivate(world, account, to, { ...content, replyTo, content });
    return;
  }
  const channel = world.state.channels.get(-chat);
  if (!channel || channel.deleted) return;
  const isPost = channel.kind === ChannelKind.BROADCAST;
  publish(world, channel, { content, isPost, replyTo, threadId: 0 });
}
