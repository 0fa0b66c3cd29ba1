import { fileURLToPath } from 'node:url';
import {
  LocalTelegramService,
  type GetServerInfoResponse,
} from '#gen/telegate/local_telegram/v1/local_telegram_service_pb.ts';
import { connect, type Client } from '#lib/rpc/client.ts';
import { startProgram } from '../pool/system.ts';

const MAIN = fileURLToPath(new URL('../../../services/local-telegram/main.ts', import.meta.url));

/** A local Telegram in a process of its own. */
export interface Local {
  readonly address: string;
  readonly info: GetServerInfoResponse;
  readonly control: Client<typeof LocalTelegramService>;
  stop(): Promise<void>;
}

export async function startLocal(): Promise<Local> {
  const ports = { GRPC_PORT: '0', ADMIN_PORT: '0', MTPROTO_PORT: '0', SEED: 'false' };
  const env = { PATH: process.env['PATH'], ...ports, LOG_LEVEL: 'info' };
  const program = await startProgram([MAIN], env, 'serving');
  const address = `127.0.0.1:${String(program.said['grpc_port'])}`;
  const control = connectControl(address);
  return {
    address,
    info: await control.getServerInfo({}),
    control,
    async stop() {
      control.close();
      await program.stop();
    },
  };
}

export function connectControl(address: string): Client<typeof LocalTelegramService> {
  return connect(LocalTelegramService, { address, defaultDeadlineMs: 60_000 });
}

let made = 0;

/** Keys that are logged in, of so many accounts. */
export async function makeKeys(
  control: Client<typeof LocalTelegramService>,
  count: number,
): Promise<Buffer[]> {
  const prefix = `+1${String(process.pid % 1_000).padStart(3, '0')}`;
  const { accounts } = await control.createAccounts({
    accounts: Array.from({ length: count }, () => ({ phone: `${prefix}${String(made++).padStart(7, '0')}` })),
  });
  const keys: Buffer[] = [];
  for (let at = 0; at < count; at += 64) {
    const some = accounts.slice(at, at + 64);
    const answers = await Promise.all(
      some.map(({ accountId }) => control.createAuthorization({ accountId, count: 1 })),
    );
    keys.push(...answers.map((answer) => Buffer.from(answer.keys[0]!.authKey)));
  }
  return keys;
}
