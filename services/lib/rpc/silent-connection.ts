import type { Socket } from 'node:net';
import type { ChannelCredentials } from '@grpc/grpc-js';
import type { Clock } from '#lib/lifecycle/clock.ts';

/**
 * A network that takes connections and then carries nothing leaves grpc-js waiting for the server's first frame
 * for ever (grpc-node issue 2785): keepalive begins only after it, no attempt follows, and every call to that
 * address runs into its deadline. So a new connection on which nothing has come in this time is broken, which
 * grpc-js answers with its next attempt.
 */
export function breakSilentConnections(
  credentials: ChannelCredentials,
  options: { limitMs: number; clock: Clock },
): ChannelCredentials {
  const { limitMs, clock } = options;
  // grpc-js has no other place where a new connection can be had before it is used.
  /* oxlint-disable no-underscore-dangle */
  const createConnector = credentials._createSecureConnector.bind(credentials);
  credentials._createSecureConnector = (...given) => {
    const connector = createConnector(...given);
    const connect = connector.connect.bind(connector);
    connector.connect = (socket) => {
      watch(socket, limitMs, clock);
      return connect(socket);
    };
    return connector;
  };
  /* oxlint-enable no-underscore-dangle */
  return credentials;
}

function watch(socket: Socket, limitMs: number, clock: Clock): void {
  const timer = clock.setTimer(limitMs, () => {
    if (socket.bytesRead === 0) socket.destroy(new Error(`the server said nothing for ${limitMs} ms`));
  });
  socket.once('close', () => timer.cancel());
}
