import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { Recorder, WireEntry } from '../history.ts';
import { monotonic } from '../time.ts';

export interface Relay {
  readonly port: number;
  /** Breaks every connection; new ones work. */
  cut(): void;
  /** The connections of the moment carry nothing any more, and tell nobody. */
  goSilent(): void;
  close(): Promise<void>;
}

const TAG_BYTES = 4;
const LENGTH_BYTES = 4;
const KEY_ID_BYTES = 8;
/** Of packets that are not encrypted. */
const NO_KEY = '00'.repeat(KEY_ID_BYTES);

/**
 * Carries connections between driver and data centre, and reads the key id at the head of each packet that the
 * driver sends. Writes a line a connection and key when it ends: proof that does not rest on the server's word.
 */
export async function startRelay(
  target: { host: string; port: number },
  recorder: Recorder,
  nextConnection: () => number,
): Promise<Relay> {
  const open = new Set<() => void>();
  const links = new Set<Link>();
  const server = createServer((near) => {
    near.setNoDelay(true);
    const far = connect(target);
    far.setNoDelay(true);
    const used = new Map<string, WireEntry>();
    const connection = nextConnection();
    const readKeys = keyReader((key) => {
      const now = monotonic();
      const entry = used.get(key);
      if (entry) {
        entry.last = now;
        entry.packets += 1;
      } else used.set(key, { kind: 'wire', connection, key, first: now, last: now, packets: 1 });
    });
    let isWritten = false;
    const write = (closed?: number): void => {
      if (isWritten) return;
      isWritten = true;
      open.delete(writeOpen);
      for (const entry of used.values()) recorder.write(closed === undefined ? entry : { ...entry, closed });
    };
    const writeOpen = (): void => {
      write();
      near.destroy();
      far.destroy();
    };
    open.add(writeOpen);
    const link: Link = { near, far, isSilent: false };
    links.add(link);
    near.on('close', () => links.delete(link));
    near.on('data', (chunk: Buffer) => {
      if (!link.isSilent) readKeys(chunk);
    });
    carry(link, near, far);
    carry(link, far, near);
    for (const event of ['end', 'close'] as const) near.once(event, () => write(monotonic()));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    cut() {
      for (const { near, far } of links) {
        near.resetAndDestroy();
        far.resetAndDestroy();
      }
    },
    goSilent() {
      for (const link of links) link.isSilent = true;
    },
    async close() {
      server.close();
      for (const writeOpen of Array.from(open)) writeOpen();
      await once(server, 'close');
    },
  };
}

interface Link {
  readonly near: Socket;
  readonly far: Socket;
  isSilent: boolean;
}

function carry(link: Link, from: Socket, to: Socket): void {
  from.on('data', (chunk: Buffer) => {
    if (link.isSilent || to.destroyed || to.write(chunk)) return;
    from.pause();
    to.once('drain', () => from.resume());
  });
  from.on('end', () => to.end());
  from.on('error', () => undefined);
  from.on('close', () => to.destroy());
}

/** Reads the intermediate transport: a tag, then packets with their length before them and the key's id first. */
export function keyReader(onPacket: (key: string) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  let toSkip = TAG_BYTES;
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (;;) {
      const skipped = Math.min(toSkip, rest.length);
      toSkip -= skipped;
      rest = rest.subarray(skipped);
      if (toSkip > 0 || rest.length < LENGTH_BYTES + KEY_ID_BYTES) return;
      const key = rest.toString('hex', LENGTH_BYTES, LENGTH_BYTES + KEY_ID_BYTES);
      if (key !== NO_KEY) onPacket(key);
      toSkip = LENGTH_BYTES + rest.readUInt32LE(0);
    }
  };
}
