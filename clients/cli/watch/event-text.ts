import { timestampMs } from '@bufbuild/protobuf/wkt';
import {
  ConnectionState,
  ConnectionStateSchema,
  type Message,
  type Peer,
} from '#gen/telegate/messaging/v1/messaging_pb.ts';
import type { WatchMessagesResponse } from '#gen/telegate/messaging/v1/messaging_service_pb.ts';
import type { Paint } from '../terminal/output.ts';
import { plain } from '../terminal/table.ts';
import { timeOfDay } from '../terminal/times.ts';
import { enumNames, nameOf } from '../values.ts';

const connectionStates: Map<string, ConnectionState> = enumNames(ConnectionStateSchema);

/** One event as one line; `account` names whose it is. */
export function watchLine(
  response: WatchMessagesResponse,
  account: string,
  now: number,
  paint: Paint,
): string {
  const { event } = response;
  const line = (ms: number, what: string, text: string): string =>
    `${timeOfDay(ms)}  ${plain(account)}  ${what.padEnd(9)}  ${plain(text)}`.trimEnd();
  switch (event.case) {
    case 'messageAdded':
    case 'messageEdited': {
      const message = event.value;
      const what = event.case === 'messageEdited' ? 'edited' : message.outgoing ? 'sent' : 'received';
      const at = event.case === 'messageEdited' ? message.editTime : message.sendTime;
      return line(at ? timestampMs(at) : now, what, messageText(message));
    }
    case 'messagesDeleted':
      return line(
        now,
        'deleted',
        `${peerText(event.value.peer)}messages ${event.value.messageIds.join(', ')}`,
      );
    case 'chatRead':
      return line(
        now,
        'read',
        `${peerText(event.value.peer)}up to ${event.value.upToMessageId}${event.value.outgoing ? ' by the other side' : ''}`,
      );
    case 'reactionsChanged': {
      const { peer, messageId, reactions } = event.value;
      const counts = reactions.map(({ emoji, count }) => `${emoji} ${count}`).join('  ');
      return line(now, 'reactions', `${peerText(peer)}message ${messageId}: ${counts || 'none'}`);
    }
    case 'gap':
      return paint('yellow', line(now, 'gap', `events are missing: ${event.value.reason}`));
    case 'connectionState': {
      const text = line(now, 'account', nameOf(connectionStates, event.value));
      return event.value === ConnectionState.DEGRADED ? paint('yellow', text) : paint('dim', text);
    }
    case undefined:
      return line(now, 'unknown', 'this program is older than the mesh');
  }
}

function messageText({ peer, sender, text, mediaKind, messageId }: Message): string {
  const from = sender && sender.peer !== peer?.peer ? `${nameOfPeer(sender)}: ` : '';
  const media = mediaKind === '' ? '' : `[${mediaKind}] `;
  return `${peerText(peer)}${messageId}  ${from}${media}${text.replaceAll(/\r?\n/g, ' ⏎ ')}`;
}

function peerText(peer: Peer | undefined): string {
  return peer ? `${nameOfPeer(peer)}  ` : '';
}

function nameOfPeer({ title, username, peer }: Peer): string {
  return title.trim() || (username === '' ? peer : `@${username}`);
}
