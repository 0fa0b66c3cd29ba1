import { constants, type ServerHttp2Session } from 'node:http2';
import type { Clock } from '#lib/lifecycle/clock.ts';
import type { EdgeLimits } from './limits.ts';
import { createRateLimit } from './rate-limit.ts';

/** While a connection lives, it is among the sessions. */
export function watchSession(
  session: ServerHttp2Session,
  sessions: Set<ServerHttp2Session>,
  limits: EdgeLimits,
  clock: Clock,
): void {
  sessions.add(session);
  session.once('close', () => sessions.delete(session));
  session.on('error', () => undefined);
  keepAlive(session, limits, clock);
  boundControlFrames(session, limits, clock);
}

/** A peer that is gone without a word is found by pings: a stream may be silent for hours. */
function keepAlive(session: ServerHttp2Session, limits: EdgeLimits, clock: Clock): void {
  let timer = clock.setTimer(limits.keepaliveTimeMs, ping);
  session.once('close', () => timer.cancel());

  function ping(): void {
    if (session.destroyed) return;
    timer = clock.setTimer(limits.keepaliveTimeoutMs, () => session.destroy());
    const sent = session.ping((error) => {
      timer.cancel();
      if (!error && !session.closed) timer = clock.setTimer(limits.keepaliveTimeMs, ping);
    });
    if (!sent) timer.cancel();
  }
}

/** Pings and settings want an answer each and belong to no request: who sends nothing but these is cut off. */
function boundControlFrames(session: ServerHttp2Session, limits: EdgeLimits, clock: Clock): void {
  const rate = createRateLimit(limits.controlFramesPerSecond, clock);
  const count = (): void => {
    if (rate.take('') === 0 || session.destroyed) return;
    session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    session.destroy();
  };
  session.on('ping', count).on('remoteSettings', count);
}
