import type { SessionCondition, WaitKind } from './rpc-errors.ts';

/** What the pool is told of a session. Neither call throws; both come back at once. */
export interface SessionReports {
  floodWait(wait: ReportedWait): void;
  /** `telegramError` is the type of the error that said so. */
  condition(condition: SessionCondition, telegramError: string): void;
}

export interface ReportedWait {
  readonly kind: WaitKind;
  /** None: every method. */
  readonly method?: string;
  /** None: every peer. */
  readonly peer?: string;
  readonly seconds: number;
}
