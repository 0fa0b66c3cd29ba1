/** I1 to I11 are the pool's. W1: what happens reaches each watcher; W2: each stream is told what becomes of it. */
export type Invariant =
  | 'I1'
  | 'I2'
  | 'I3'
  | 'I4'
  | 'I5'
  | 'I6'
  | 'I7'
  | 'I8'
  | 'I9'
  | 'I10'
  | 'I11'
  | 'W1'
  | 'W2';

/** What a checker found in a history. */
export interface Verdict {
  readonly invariant: Invariant;
  /** How many things were looked at: a checker that saw none has shown nothing. */
  readonly checked: number;
  readonly violations: readonly string[];
  /** Figures for the report, by name. */
  readonly figures?: Readonly<Record<string, number>>;
}
