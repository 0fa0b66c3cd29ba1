import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { RefusalKind } from '#gen/telegate/local_telegram/v1/faults_pb.ts';
import { ConnectionEnd } from '#gen/telegate/local_telegram/v1/log_pb.ts';
import { Connection } from './connection.ts';
import type { Telegram } from './telegram.ts';

/** A data centre's listening address. */
export interface DataCenterServer {
  readonly id: number;
  readonly port: number;
  close(): Promise<void>;
}

export async function listenDataCenter(
  telegram: Telegram,
  options: { id: number; host: string; port: number },
): Promise<DataCenterServer> {
  const { id, host } = options;
  const server = createServer({ noDelay: true }, (socket) => accept(telegram, socket, id));
  await listen(server, options);
  return {
    id,
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const connection of telegram.connections)
          if (connection.dataCenter === id) connection.reset(ConnectionEnd.SHUTDOWN);
      }),
  };

  function listen(listening: Server, { port }: { port: number }): Promise<void> {
    return new Promise((resolve, reject) => {
      listening.once('error', (error: NodeJS.ErrnoException) => {
        const why =
          error.code === 'EADDRINUSE'
            ? 'is taken: set MTPROTO_PORT'
            : `can not be listened on: ${error.message}`;
        reject(new Error(`the address ${host}:${port} of data centre ${id} ${why}`, { cause: error }));
      });
      listening.listen(port, host, 4_096, resolve);
    });
  }
}

function accept(telegram: Telegram, socket: Socket, dataCenter: number): void {
  const connection = new Connection(telegram, socket, dataCenter);
  telegram.connections.add(connection);
  const refusal = telegram.faults.strike('refuseConnections', connection.faultTarget());
  if (refusal?.spec.fault.case !== 'refuseConnections') return;
  if (refusal.spec.fault.value.kind === RefusalKind.SILENT) connection.fallSilent();
  else connection.reset(ConnectionEnd.FAULT);
}
