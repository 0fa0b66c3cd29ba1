import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface Proxy {
  readonly port: number;
  /** Breaks every connection and takes no new one. */
  cut(): void;
  /** Lets nothing more through, in either direction, and tells nobody: as when a firewall forgot. */
  goSilent(): void;
  /** Everything takes this much longer in each direction. */
  delay(ms: number): void;
  /** New connections work again. Those that went silent stay so: nobody told either side. */
  heal(): void;
  close(): Promise<void>;
}

type Mode = { kind: 'pass'; delayMs: number } | { kind: 'cut' } | { kind: 'silent' };

interface Link {
  readonly near: Socket;
  readonly far: Socket;
  isDead: boolean;
}

/** A TCP proxy on a port of its own that can be told to misbehave. */
export async function startProxy(target: { host: string; port: number }): Promise<Proxy> {
  let mode: Mode = { kind: 'pass', delayMs: 0 };
  const links = new Set<Link>();

  function carry(link: Link, from: Socket, to: Socket): void {
    from.on('data', (chunk: Buffer) => {
      if (link.isDead) return;
      const delayMs = mode.kind === 'pass' ? mode.delayMs : 0;
      if (delayMs > 0) setTimeout(() => pass(link, from, to, chunk), delayMs);
      else pass(link, from, to, chunk);
    });
    from.on('end', () => {
      if (!link.isDead) to.end();
    });
    from.on('error', () => undefined);
    from.on('close', () => {
      links.delete(link);
      // A side that gives up on a silent link is not heard by the other one.
      if (!link.isDead) to.destroy();
      else links.add(link);
    });
  }

  const server = createServer((near) => {
    if (mode.kind === 'cut') return void near.destroy();
    near.setNoDelay(true);
    const far = connect(target);
    far.setNoDelay(true);
    const link: Link = { near, far, isDead: mode.kind === 'silent' };
    links.add(link);
    carry(link, near, far);
    carry(link, far, near);
  });
  server.on('error', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  function breakAll(): void {
    for (const { near, far } of links) {
      near.resetAndDestroy();
      far.resetAndDestroy();
    }
    links.clear();
  }

  return {
    port: (server.address() as AddressInfo).port,
    cut() {
      mode = { kind: 'cut' };
      breakAll();
    },
    goSilent() {
      mode = { kind: 'silent' };
      for (const link of links) link.isDead = true;
    },
    delay(ms) {
      mode = { kind: 'pass', delayMs: ms };
    },
    heal() {
      mode = { kind: 'pass', delayMs: 0 };
    },
    async close() {
      breakAll();
      server.close();
      await once(server, 'close');
    },
  };
}

function pass(link: Link, from: Socket, to: Socket, chunk: Buffer): void {
  if (link.isDead || to.destroyed) return;
  if (to.write(chunk)) return;
  from.pause();
  to.once('drain', () => from.resume());
}
