import type { Logins } from './logins.ts';
import { createApplicationStop } from './application-stop.ts';
import { startLoginSweeper } from './sweeper.ts';

export interface OpenLoginsOptions extends Omit<Logins, 'applicationStop'> {
  onStop(name: string, stop: () => Promise<void> | void): void;
}

/** What the calls need, and what happens by time alone. */
export function openLogins({ onStop, ...parts }: OpenLoginsOptions): Logins {
  const logins: Logins = { ...parts, applicationStop: createApplicationStop(parts) };
  const sweeper = startLoginSweeper(logins);
  onStop('login sweeper', () => sweeper.stop());
  return logins;
}
