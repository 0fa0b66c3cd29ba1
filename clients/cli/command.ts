import type { DescService } from '@bufbuild/protobuf';
import type { Clock } from '#lib/lifecycle/clock.ts';
import type { ExitCode } from './exit-code.ts';
import type { Service } from './service.ts';
import type { Output } from './terminal/output.ts';

export interface OptionSpec {
  type: 'string' | 'boolean';
  multiple?: boolean;
  /** As it is written in the help: `30s`, `PATH`. */
  value?: string;
  doc: string;
}

export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

export type Values<O extends OptionSpecs> = {
  readonly [K in keyof O]: O[K] extends { type: 'boolean' }
    ? boolean | undefined
    : O[K] extends { multiple: true }
      ? readonly string[] | undefined
      : string | undefined;
};

/** What a command is given to work with. */
export interface Invocation<O extends OptionSpecs = OptionSpecs> {
  readonly values: Values<O>;
  readonly operands: readonly string[];
  readonly out: Output;
  readonly clock: Clock;
  /** Aborted by the first Ctrl-C, or when nobody reads the output any more. */
  readonly stop: AbortSignal;
  /** `person@machine`. */
  readonly caller: string;
  service<S extends DescService>(service: S): Service<S>;
  /** At most `maxBytes` of a file; `-` is the standard input. */
  readInput(path: string, maxBytes: number): Promise<Buffer>;
}

export interface Command<O extends OptionSpecs = OptionSpecs> {
  /** The words that call it. */
  readonly name: string;
  readonly summary: string;
  readonly detail?: string;
  /** Each one is required; the last may end in `…` and then be given several times. */
  readonly operands: readonly string[];
  readonly options: O;
  readonly examples: readonly string[];
  run(call: Invocation<O>): Promise<ExitCode>;
}

/** A command as the table of all commands holds it; its own options stay typed inside. */
export function command<const O extends OptionSpecs>(declared: Command<O>): Command {
  return declared;
}
