import type { Logger } from '#lib/telemetry/log.ts';

export interface EmbeddedPostgres {
  /** With the password: for this machine's processes only. */
  readonly url: string;
  readonly port: number;
  stop(): Promise<void>;
}

export interface EmbeddedOptions {
  dataDir: string;
  /** Absent or 0: the port of last time if it is free, else a free one. */
  port?: number;
  log: Logger;
  onProgress?(text: string): void;
  /** `tests` gives up crash safety for speed. */
  durability?: 'full' | 'tests';
}

export declare function startEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres>;
