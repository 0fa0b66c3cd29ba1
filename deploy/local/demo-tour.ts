import { status } from '@grpc/grpc-js';
import type { Clock } from '#lib/lifecycle/clock.ts';
import { DomainError } from '#lib/rpc/errors.ts';

/** A step that did not hold; the message says what was expected and what came. */
export class StepFailed extends Error {
  override readonly name = 'StepFailed';
}

export interface Tour {
  /** Runs a step and prints its line: what the step returns, and how long it took. */
  step<T>(title: string, body: () => Promise<Told<T>>): Promise<T>;
  /** Runs at the end, the last added first, whether all steps held or not. */
  afterwards(title: string, tidy: () => Promise<unknown>): void;
  tidyUp(): Promise<boolean>;
}

/** What a step found, in words and for the steps after it. */
export interface Told<T> {
  says: string;
  value: T;
}

export function told(says: string): Told<void>;
export function told<T>(says: string, value: T): Told<T>;
export function told<T>(says: string, value?: T): Told<T | undefined> {
  return { says, value };
}

export function startTour(options: { clock: Clock; say: (text: string) => void }): Tour {
  const { clock, say } = options;
  const tidying: { title: string; tidy: () => Promise<unknown> }[] = [];
  const line = (mark: string, title: string, startedAt: number, says: string): void => {
    const tookMs = Math.round(clock.monotonic() - startedAt);
    say(`${mark} ${title.padEnd(52)} ${`${tookMs}`.padStart(6)} ms  ${says}`);
  };
  return {
    async step(title, body) {
      const startedAt = clock.monotonic();
      try {
        const { says, value } = await body();
        line('ok  ', title, startedAt, says);
        return value;
      } catch (error) {
        line('FAIL', title, startedAt, describe(error));
        throw error;
      }
    },
    afterwards: (title, tidy) => void tidying.push({ title, tidy }),
    async tidyUp() {
      let tidied = true;
      for (let one = tidying.pop(); one; one = tidying.pop()) {
        try {
          await one.tidy();
        } catch (error) {
          tidied = false;
          say(`FAIL tidying up, ${one.title}: ${describe(error)}`);
        }
      }
      return tidied;
    },
  };
}

export function describe(error: unknown): string {
  if (error instanceof DomainError) return `${status[error.code]} (reason ${error.reason}): ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}

/** The refusal that a call must end in; anything else fails the step. */
export async function refusal(call: Promise<unknown>, code: status): Promise<DomainError> {
  const outcome = await call.then(
    () => 'the call succeeded',
    (error: unknown) => error,
  );
  if (outcome instanceof DomainError && outcome.code === code) return outcome;
  throw new StepFailed(
    `expected ${status[code]}, but ${typeof outcome === 'string' ? outcome : describe(outcome)}`,
  );
}

export function check(holds: boolean, expectation: string): asserts holds {
  if (!holds) throw new StepFailed(`expected ${expectation}`);
}
