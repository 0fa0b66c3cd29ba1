import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * Below the ports that systems give to outgoing connections (from 32768 on Linux, 49152 elsewhere): one of those
 * may be taken between being found free and being listened on.
 */
const LOWEST = 20_000;
const HIGHEST = 32_000;
const ATTEMPTS = 50;

/** A port that nobody listens on now, and that no outgoing connection takes before somebody does. */
export async function findFreePort(host = '127.0.0.1', random = randomInt): Promise<number> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const port = random(LOWEST, HIGHEST);
    if (await isFree(host, port)) return port;
  }
  throw new Error(`no free port was found between ${LOWEST} and ${HIGHEST} on ${host}`);
}

function isFree(host: string, port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' || error.code === 'EACCES' ? resolve(false) : reject(error),
    );
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
