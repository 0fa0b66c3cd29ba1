import type { Logger } from '#lib/telemetry/log.ts';

export interface Listener {
  close(): Promise<void>;
}

export interface ListenOptions {
  url: string;
  channels: readonly string[];
  onNotification(channel: string, payload: string): void;
  /** Notifications may have been missed: look at the tables. */
  onGap(): void;
  log: Logger;
}

export declare function listen(options: ListenOptions): Listener;
