import { durationMs, timestampMs } from '@bufbuild/protobuf/wkt';
import type { TokenPair } from '#gen/telegate/account_auth/v1/identity_pb.ts';
import { json, type Answer } from '../http/answer.ts';
import { cookieHeaders } from '../http/cookies.ts';
import type { Exchange } from '../http/exchange.ts';

/** The pair in the body, for programs, and as cookies, for pages of this gateway. */
export function tokensAnswer(exchange: Exchange, tokens: TokenPair): Answer {
  const { accessToken, refreshToken, accessTtl, refreshExpireTime } = tokens;
  const seconds = Math.floor(durationMs(accessTtl!) / 1_000);
  const refreshMs = timestampMs(refreshExpireTime!) - exchange.edge.clock.now();
  return json(
    { access_token: accessToken, refresh_token: refreshToken, token_type: 'bearer', expires_in: seconds },
    cookieHeaders(exchange, [
      { name: 'access_token', value: accessToken, maxAgeSeconds: seconds },
      {
        name: 'refresh_token',
        value: refreshToken,
        maxAgeSeconds: Math.max(0, Math.floor(refreshMs / 1_000)),
      },
    ]),
  );
}

export function clearedCookies(exchange: Exchange): { 'set-cookie'?: string[] } {
  return cookieHeaders(exchange, [
    { name: 'access_token', value: '', maxAgeSeconds: 0 },
    { name: 'refresh_token', value: '', maxAgeSeconds: 0 },
  ]);
}
