import type { Bench } from '../pool/bench.ts';
import type { Line } from '../report.ts';
import { median, percentile } from '../statistics.ts';
import { startWatchMesh, watchAll } from './watch-mesh.ts';

const MESSAGES = 500;
const WARM_UP = 50;

/**
 * How long after somebody began to send it an incoming message reaches a watcher, one at a time on an idle mesh. The
 * call that makes the local Telegram push it is in the figure.
 */
export async function measureDelivery(bench: Bench): Promise<Line[]> {
  const mesh = await startWatchMesh(bench);
  try {
    const [reader, writer] = await mesh.accounts(2);
    const messaging = await mesh.messaging();
    let arrived: (() => void) | undefined;
    const watch = watchAll(
      messaging.client,
      ({ event }) => {
        if (event.case === 'messageAdded') arrived?.();
      },
      [reader!.accountId],
    );
    await watch.allConnected(1);
    const took: number[] = [];
    for (let sent = 0; sent < WARM_UP + MESSAGES; sent += 1) {
      const { promise, resolve } = Promise.withResolvers<void>();
      arrived = resolve;
      const began = performance.now();
      await mesh.local.control.sendMessage({
        accountId: writer!.userId,
        to: { peer: { case: 'accountId', value: reader!.userId } },
        text: `message ${sent}`,
      });
      await promise;
      if (sent >= WARM_UP) took.push(performance.now() - began);
    }
    watch.stop();
    const [half, most] = [median(took), percentile(took, 0.99)];
    return [
      {
        name: 'a message reaches a watcher: median',
        value: half,
        shown: shownMs(half),
        target: { atMost: 20 },
      },
      { name: 'a message reaches a watcher: 99 of 100', value: most, shown: shownMs(most) },
    ];
  } finally {
    await mesh.stop();
  }
}

function shownMs(value: number): string {
  return `${value.toFixed(1)} ms`;
}
