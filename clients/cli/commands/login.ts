import { randomUUID } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { LoginState } from '#gen/telegate/account_auth/v1/account_pb.ts';
import {
  AccountAuthService,
  SubmitCodeResponseSchema,
} from '#gen/telegate/account_auth/v1/account_auth_service_pb.ts';
import { ProxyRegistryService } from '#gen/telegate/proxy_registry/v1/proxy_registry_service_pb.ts';
import { accountSheet } from '../account-text.ts';
import { command } from '../command.ts';
import { exitCode } from '../exit-code.ts';
import { Interrupted } from '../interrupted.ts';
import { showQrLogin } from '../login/qr-login.ts';
import { codeSent, finishLogin, STEP_LIMIT_MS, type LoginOutcome } from '../login/steps.ts';
import { Misuse } from '../misuse.ts';
import { findProxyId } from '../named-proxy.ts';
import { moment } from '../terminal/times.ts';
import { readLabels } from '../values.ts';

const GIVE_UP_LIMIT_MS = 3_000;

export const login = command({
  name: 'login',
  summary: 'logs an account in, by the code that Telegram sends or with --qr; asks for code and password',
  detail:
    'On a terminal the password is not shown while it is typed. Where answers are piped in, each is a line: the\n' +
    'code, then the password. Ctrl-C gives the login up. A login whose answers ended goes on when the same phone\n' +
    'is logged in again within its time. With --json the questions go to the standard error.',
  operands: ['[PHONE]'],
  options: {
    qr: { type: 'boolean', doc: 'shows a QR code to scan in the Telegram app in place of a phone' },
    proxy: {
      type: 'string',
      value: 'PROXY',
      doc: 'the proxy to log in through and to keep: id, host:port or name',
    },
    name: { type: 'string', value: 'NAME', doc: "your name for the account (default: Telegram's)" },
    label: { type: 'string', value: 'KEY=VALUE', multiple: true, doc: 'a label of its session' },
    environment: {
      type: 'string',
      value: 'ID',
      doc: "the Telegram to log in at (default: the deployment's)",
    },
  },
  examples: [
    'telegate login +15551234567 --label team=support',
    'telegate login --qr --proxy 198.51.100.7:1080',
  ],
  async run(call) {
    const { operands, values, service, out, clock, ask } = call;
    const phone = operands[0] ?? '';
    if (values.qr === true && phone !== '')
      throw new Misuse('--qr needs no phone: Telegram tells whose it is.');
    if (values.qr !== true && phone === '') throw new Misuse('PHONE is missing: telegate login +…, or --qr.');
    const labels = readLabels('--label', values.label);
    const accounts = service(AccountAuthService);
    const wish = {
      labels,
      proxyId:
        values.proxy === undefined ? '' : await findProxyId(service(ProxyRegistryService), values.proxy),
      name: values.name ?? '',
      environment: values.environment ?? '',
      requestId: randomUUID(),
    };
    // Prompts stand on the standard error, and so does what belongs to them, also with --json.
    const note = (text: string): void => (out.isJson ? undefined : out.note(text));
    let loginId = '';
    let ended: LoginOutcome;
    try {
      let begun: LoginOutcome;
      if (values.qr === true) begun = await showQrLogin(call, accounts, wish, (id) => (loginId = id));
      else {
        const started = await accounts.call((client) =>
          client.startLogin({ ...wish, phone }, { deadlineMs: STEP_LIMIT_MS }),
        );
        begun = { login: started.login!, account: undefined };
        loginId = begun.login.loginId;
        if (begun.login.state === LoginState.CODE_SENT) note(codeSent(begun.login, clock.now()));
      }
      ended = await finishLogin({ accounts, ask, note, clock }, begun);
    } catch (error) {
      if (error instanceof Interrupted && loginId !== '') {
        await giveUp();
        throw new Interrupted('The login is given up.');
      }
      if (error instanceof Misuse && loginId !== '') note(await howItGoesOn());
      throw error;
    }
    out.answer(SubmitCodeResponseSchema, create(SubmitCodeResponseSchema, ended), () =>
      ended.account
        ? `${accountSheet(ended.account, clock.now())}\n\nIt is logged in, and its session is in the pool.`
        : `The login ended: ${ended.login.endReason === '' ? 'it was cancelled' : ended.login.endReason}.`,
    );
    return ended.login.state === LoginState.AUTHORISED ? exitCode.ok : exitCode.refused;

    /** Ctrl-C has ended every other call; this one has a short time of its own. */
    async function giveUp(): Promise<void> {
      const client = accounts.connect(accounts.place.addresses[0]!);
      try {
        await client.cancelLogin({ loginId }, { deadlineMs: GIVE_UP_LIMIT_MS });
      } catch {
        note('The mesh did not answer; the login ends by itself.');
      } finally {
        client.close();
      }
    }

    async function howItGoesOn(): Promise<string> {
      const { login: living } = await accounts.call((client) => client.getLogin({ loginId }));
      return `The login lives until ${moment(living!.expireTime, clock.now())}: the same command goes on with it.`;
    }
  },
});
