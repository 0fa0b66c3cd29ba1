/** `skipped` is what could not be looked at from here. */
export type Level = 'ok' | 'warn' | 'fail' | 'skipped';

/** One line of the doctor's: what was looked at, how it is, and what to do about it. */
export interface Finding {
  readonly what: string;
  readonly level: Level;
  readonly text: string;
  readonly remedy?: string;
}

export function ok(what: string, text: string): Finding {
  return { what, level: 'ok', text };
}

export function warn(what: string, text: string, remedy: string): Finding {
  return { what, level: 'warn', text, remedy };
}

export function fail(what: string, text: string, remedy: string): Finding {
  return { what, level: 'fail', text, remedy };
}

export function skipped(what: string, text: string): Finding {
  return { what, level: 'skipped', text };
}
