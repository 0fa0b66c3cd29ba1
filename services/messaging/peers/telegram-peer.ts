import { Api, wireLong } from '#lib/telegram/client.ts';
import type { PeerForm } from '../messages.ts';

/** The reverse of formOf. */
export function telegramPeerOf(form: PeerForm): Api.TypePeer {
  const [of, digits] = form.split(':') as ['user' | 'chat' | 'channel', string];
  const id = wireLong(BigInt(digits));
  switch (of) {
    case 'user':
      return new Api.PeerUser({ userId: id });
    case 'chat':
      return new Api.PeerChat({ chatId: id });
    case 'channel':
      return new Api.PeerChannel({ channelId: id });
  }
}
