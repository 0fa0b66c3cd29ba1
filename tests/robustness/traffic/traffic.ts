import type { Recorder } from '../history.ts';
import type { Random } from '../random.ts';
import type { Site } from './site.ts';

/** What each client of the run is given. */
export interface Post {
  readonly name: string;
  readonly site: Site;
  readonly recorder: Recorder;
  readonly random: Random;
  readonly signal: AbortSignal;
}

export function postOf(shared: Omit<Post, 'name'>, name: string): Post {
  return { ...shared, name, random: shared.random.fork(name) };
}
