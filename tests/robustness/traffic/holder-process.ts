/* A process of holders, apart from the rest so that it can be stopped (SIGSTOP) like one. */
import { openRecorder } from '../history.ts';
import { createRandom } from '../random.ts';
import { monotonic } from '../time.ts';
import { runHolder } from './holder.ts';
import type { Site } from './site.ts';
import { createSocket } from './socket.ts';
import { postOf } from './traffic.ts';

const HOLDERS = 4;

const site = JSON.parse(process.env['ROBUSTNESS_SITE']!) as Site;
const name = process.env['ROBUSTNESS_NAME']!;
const recorder = openRecorder(site.history);
const stopping = new AbortController();
process.on('disconnect', () => process.exit(1));
process.on('message', () => stopping.abort());

const shared = { site, recorder, random: createRandom(`${site.seed}/${name}`), signal: stopping.signal };
process.send!('started', undefined, undefined, () => undefined);
await Promise.all(
  Array.from({ length: HOLDERS }, (_, index) => {
    const post = postOf(shared, `${name}-${index}`);
    // Every second one also holds the session's socket, as one messaging process of its own.
    return runHolder(
      post,
      index % 2 === 0 ? createSocket(post, `${name}-${index}-${monotonic()}`) : undefined,
    );
  }),
);
process.exit(0);
