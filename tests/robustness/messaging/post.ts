import type { Recorder } from '../history.ts';
import type { Random } from '../random.ts';
import type { MessagingMesh } from './mesh.ts';

/** What every kind of traffic here has at hand. */
export interface Post {
  readonly mesh: MessagingMesh;
  readonly recorder: Recorder;
  readonly random: Random;
  /** Begin nothing new; what was begun is brought to its end. */
  readonly signal: AbortSignal;
  /** Give up also on that. */
  readonly lastCall: AbortSignal;
}
