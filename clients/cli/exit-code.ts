/** What a script can rely on. */
export const exitCode = {
  ok: 0,
  /** The mesh said no, or what was done failed. */
  refused: 1,
  /** The command line, or the environment, is wrong. */
  misuse: 2,
  unreachable: 3,
  noFreeSession: 4,
  /** A flood wait, a limit or an outage: the same may work later. */
  later: 5,
  /** Ctrl-C before there was anything to end, or twice. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCode)[keyof typeof exitCode];
