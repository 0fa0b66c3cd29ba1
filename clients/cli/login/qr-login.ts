import { LoginState } from '#gen/telegate/account_auth/v1/account_pb.ts';
import {
  AccountAuthService,
  StartQrLoginResponseSchema,
  type StartQrLoginResponse,
} from '#gen/telegate/account_auth/v1/account_auth_service_pb.ts';
import { pause } from '#lib/lifecycle/clock.ts';
import type { Invocation } from '../command.ts';
import { Interrupted } from '../interrupted.ts';
import { isUnreachable, Unreachable, type Service } from '../service.ts';
import { messageJson } from '../terminal/output.ts';
import { qrText } from '../terminal/qr.ts';
import { moment } from '../terminal/times.ts';
import type { LoginOutcome } from './steps.ts';

export interface QrWish {
  readonly proxyId: string;
  readonly labels: Record<string, string>;
  readonly name: string;
  readonly environment: string;
  readonly requestId: string;
}

type QrCall = Pick<Invocation, 'out' | 'clock' | 'stop' | 'env'>;

const ATTEMPTS = 5;
const PAUSE_MS = 1_000;

/** Shows each token until one is accepted. A broken stream goes on with the same login, by its request id. */
export async function showQrLogin(
  call: QrCall,
  accounts: Service<typeof AccountAuthService>,
  wish: QrWish,
  onLogin: (loginId: string) => void,
): Promise<LoginOutcome> {
  const { out, clock, stop } = call;
  const { addresses } = accounts.place;
  let last: StartQrLoginResponse | undefined;
  let failures = 0;
  for (let attempt = 0; ; attempt += 1) {
    const client = accounts.connect(addresses[attempt % addresses.length]!);
    try {
      for await (const answer of client.startQrLogin(wish, { signal: stop, isLongLived: true })) {
        failures = 0;
        last = answer;
        if (answer.login) onLogin(answer.login.loginId);
        if (answer.tokenLink !== '') showToken(call, answer);
      }
      if (stop.aborted) throw new Interrupted('Interrupted.');
      if (last?.login && isOver(last)) return { login: last.login, account: last.account };
      failures += 1;
    } catch (error) {
      if (stop.aborted) throw new Interrupted('Interrupted.');
      if (!isUnreachable(AccountAuthService, error)) throw error;
      failures += 1;
      if (failures >= ATTEMPTS * addresses.length) throw new Unreachable(accounts.place, error);
    } finally {
      client.close();
      // A code that is no longer shown can not be scanned any more.
      out.standing('');
    }
    if (failures >= ATTEMPTS * addresses.length) throw new Unreachable(accounts.place, undefined);
    await pause(clock, PAUSE_MS, stop);
  }
}

function isOver({ login }: StartQrLoginResponse): boolean {
  return login!.state !== LoginState.QR_SHOWN;
}

function showToken({ out, clock, env }: QrCall, answer: StartQrLoginResponse): void {
  const coloured = out.isLive && (env['NO_COLOR'] ?? '') === '';
  const text = [
    qrText(answer.tokenLink, { coloured }),
    'In Telegram on a phone: Settings, Devices, Link desktop device.',
    `A new code follows at ${moment(answer.tokenExpireTime, clock.now())}; Ctrl-C gives up.`,
  ].join('\n');
  // What can be written over is: an old code is of no use.
  if (out.isLive) out.standing(text);
  else
    out.event(
      () => messageJson(StartQrLoginResponseSchema, answer),
      () => text,
    );
}
