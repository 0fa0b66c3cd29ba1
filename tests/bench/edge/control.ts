import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a program of this benchmark has used of the machine. */
export interface Usage {
  readonly cpuSeconds: number;
  /** After a full collection where the program runs with --expose-gc. */
  readonly rssBytes: number;
}

/** A port on which a program tells its usage. */
export async function serveUsage(): Promise<number> {
  const server = createServer((_, response) => {
    (globalThis as { gc?: () => void }).gc?.();
    const { user, system } = process.cpuUsage();
    const usage: Usage = { cpuSeconds: (user + system) / 1e6, rssBytes: process.memoryUsage.rss() };
    response.end(JSON.stringify(usage));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

export async function usageOf(port: number): Promise<Usage> {
  return (await (await fetch(`http://127.0.0.1:${port}`)).json()) as Usage;
}
