/* Holds sessions as the messaging service does, in a process of its own, so that it can be stopped and killed. */
import { randomBytes } from 'node:crypto';
import { fromJson, type JsonValue } from '@bufbuild/protobuf';
import { GetServerInfoResponseSchema } from '#gen/telegate/local_telegram/v1/local_telegram_service_pb.ts';
import { SessionPoolService } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { meshKeys, signMeshToken } from '#lib/auth/mesh-token.ts';
import { servicePrincipal } from '#lib/auth/principal.ts';
import { systemClock } from '#lib/lifecycle/clock.ts';
import { connect } from '#lib/rpc/client.ts';
import { AccountSession } from '#lib/telegram/account-session.ts';
import { createBreakers } from '#lib/telegram/breakers.ts';
import { Api, wireLong } from '#lib/telegram/client.ts';
import { direct } from '#lib/telegram/egress.ts';
import { localTelegram } from '#lib/telegram/environment.ts';
import { createFloodGate } from '#lib/telegram/flood-gate.ts';
import type { HeldSession } from '#lib/telegram/held/held-session.ts';
import { HeldSessions } from '#lib/telegram/held/held-sessions.ts';
import { PingWheel } from '#lib/telegram/ping-wheel.ts';
import { createLogger } from '#lib/telemetry/log.ts';
import { openRecorder } from '../history.ts';
import { createRandom } from '../random.ts';
import { monotonic, pause } from '../time.ts';
import { judgeError } from '../traffic/attempt.ts';

export interface MessagingSite {
  readonly addresses: readonly string[];
  readonly meshKey: string;
  readonly seed: string;
  readonly history: string;
  readonly tenantId: string;
  readonly sessions: readonly string[];
  /** GetServerInfo of the local Telegram, its data centres at the relays. */
  readonly telegram: JsonValue;
}

/** So many of the sessions at a time; the processes together want more than there are. */
const SESSIONS_AT_ONCE = 4;
const LEASE_TTL_MS = 6_000;
const CALL_LIMIT_MS = 3_000;
const TOKEN_TTL_MS = 240_000;
const application = {
  deviceModel: 'robustness',
  systemVersion: '1',
  appVersion: '1',
  langCode: 'en',
  systemLangCode: 'en',
};

const site = JSON.parse(process.env['ROBUSTNESS_SITE']!) as MessagingSite;
const name = process.env['ROBUSTNESS_NAME']!;
const processId = process.env['ROBUSTNESS_PROCESS']!;
const recorder = openRecorder(site.history);
const random = createRandom(`${site.seed}/${processId}`);
const stopping = new AbortController();
process.on('disconnect', () => process.exit(1));
process.on('message', () => stopping.abort());

const clock = systemClock;
const log = createLogger({ service: name, level: 'silent' });
const principal = servicePrincipal('messaging', site.tenantId);
const keys = meshKeys([Buffer.from(site.meshKey, 'base64')]);
const clients = site.addresses.map((address) =>
  connect(SessionPoolService, {
    address,
    token: (caller = principal) =>
      signMeshToken(keys, { caller, service: 'messaging', ttlMs: TOKEN_TTL_MS, clock }),
    keepaliveTimeMs: 1_000,
    keepaliveTimeoutMs: 1_000,
  }),
);
const held = new HeldSessions({ clients, processId, principal, clock, log, random: () => random.next() });
const telegram = localTelegram(fromJson(GetServerInfoResponseSchema, site.telegram));
const breakers = createBreakers({
  clock,
  random: () => random.next(),
  log,
  probe: () => Promise.resolve(),
});
const pings = new PingWheel(clock);

process.send!('started', undefined, undefined, () => undefined);
await Promise.all(Array.from({ length: SESSIONS_AT_ONCE }, work));
await held.close();
for (const client of clients) client.close();
process.exit(0);

async function work(): Promise<void> {
  while (!stopping.signal.aborted) {
    const sessionId = BigInt(random.pick(site.sessions));
    let open: AccountSession | undefined;
    const owner = { closeSocket: async () => open?.close() };
    const session = await held
      .acquire({ tenantId: site.tenantId, sessionId, ttlMs: LEASE_TTL_MS }, owner)
      .catch(() => undefined);
    if (session) {
      const t = monotonic();
      open = accountOf(session);
      await use(session, open);
      const why = await session.release();
      const { fencingToken: token } = session.lease;
      recorder.write({
        kind: 'hold',
        t,
        end: monotonic(),
        process: processId,
        session: String(sessionId),
        token: String(token),
        why,
      });
    }
    await pause(random.between(50, 250), stopping.signal);
  }
}

function accountOf({ guard, session, reports }: HeldSession): AccountSession {
  const made = new AccountSession({
    telegram,
    guard,
    dataCenter: session.dataCenter,
    authKey: session.authKey,
    egress: direct,
    accountId: session.accountId,
    accountTag: session.name,
    application,
    breakers,
    gate: createFloodGate({ sessionId: guard.sessionId, clock }),
    reports,
    pings,
    keyMoved: () => Promise.resolve(),
    clock,
    random: () => random.next(),
    log,
  });
  made.start();
  return made;
}

/**
 * Sends to itself, so many times and not for so long: a process that stood still goes on with what it was at. Each
 * message is named by its random_id.
 */
async function use({ guard, lease }: HeldSession, account: AccountSession): Promise<void> {
  for (let left = random.integer(20, 120); left > 0; left -= 1) {
    if (guard.lost.aborted || stopping.signal.aborted) return;
    const randomId = randomBytes(8).readBigInt64LE();
    const send = new Api.messages.SendMessage({
      peer: new Api.InputPeerSelf(),
      message: `under token ${lease.fencingToken}`,
      randomId: wireLong(randomId),
    });
    const t = monotonic();
    const made = await account.call(send, { deadlineMs: CALL_LIMIT_MS }).then(
      () => ({ outcome: 'ok' as const }),
      (error: unknown) => judgeError(error),
    );
    recorder.write({
      kind: 'call',
      t,
      end: monotonic(),
      process: processId,
      session: String(guard.sessionId),
      token: String(lease.fencingToken),
      randomId: String(randomId),
      ...made,
    });
    await pause(random.between(20, 120));
  }
}
