import { openRaw, rawRequest, type RawAnswer, type RawConnection } from './raw-http.ts';

const IN_FLIGHT = 64;
const WARM_UP_MS = 300;

/** So many at once, each again when it is done; how often a second one was. */
export async function perSecond(
  port: number,
  seconds: number,
  once: (connection: RawConnection) => Promise<unknown>,
): Promise<number> {
  const connections = await Promise.all(Array.from({ length: IN_FLIGHT }, () => openRaw(port)));
  const from = performance.now() + WARM_UP_MS;
  const until = from + seconds * 1_000;
  let done = 0;
  await Promise.all(
    connections.map(async (connection) => {
      for (let now = performance.now(); now < until; now = performance.now()) {
        await once(connection);
        if (now >= from) done += 1;
      }
      connection.close();
    }),
  );
  return (done * 1_000) / (performance.now() - from);
}

const ECHO = '/telegate.test.echo.v1.EchoService/Echo';

export function echoCall(apiKey: string): (connection: RawConnection) => Promise<void> {
  const headers = { 'content-type': 'application/json', 'x-api-key': apiKey };
  const request = rawRequest(
    'POST',
    ECHO,
    headers,
    JSON.stringify({ text: 'worker-17', payload: 'eHl6'.repeat(25) }),
  );
  return async (connection) => void expectOk(await connection.ask(request));
}

/** As clients of the older session manager do: a session, and back with it. */
export function sessionPair(apiKey: string): (connection: RawConnection) => Promise<void> {
  const headers = { 'x-api-key': apiKey };
  const take = rawRequest('GET', '/session', headers);
  return async (connection) => {
    const { session_id: id } = JSON.parse(expectOk(await connection.ask(take))) as { session_id: number };
    expectOk(await connection.ask(rawRequest('POST', `/release?session_id=${id}`, headers, '')));
  };
}

function expectOk({ status, body }: RawAnswer): string {
  if (status !== 200) throw new Error(`answered with ${status}: ${body.toString().slice(0, 300)}`);
  return body.toString();
}
