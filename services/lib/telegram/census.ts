import type { Socket } from 'node:net';

const live = new Set<Socket>();

/** Sockets of the driver that have not had their close event yet, to Telegram and to proxies. */
export function liveSockets(): number {
  return live.size;
}

export function count(socket: Socket): void {
  live.add(socket);
  socket.once('close', () => live.delete(socket));
}
