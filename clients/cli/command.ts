import type { DescService } from '@bufbuild/protobuf';
import type { Clock } from '#lib/lifecycle/clock.ts';
import type { ExitCode } from './exit-code.ts';
import type { Ask } from './terminal/ask.ts';
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

export interface SharedValues {
  readonly endpoint?: string | undefined;
  readonly 'api-key-file'?: string | undefined;
  readonly 'mesh-file'?: string | undefined;
}

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
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** What every command takes, for those that hand it on. */
  readonly shared: SharedValues;
  /** Asks the person at the terminal, or reads the next line of what is piped in. */
  readonly ask: Ask;
  /** True when something is piped in. */
  readonly isPiped: boolean;
  service<S extends DescService>(service: S): Service<S>;
  /** At most `maxBytes` of a file; `-` is the standard input. */
  readInput(path: string, maxBytes: number): Promise<Buffer>;
}

export interface Command<O extends OptionSpecs = OptionSpecs> {
  /** The words that call it. */
  readonly name: string;
  readonly summary: string;
  readonly detail?: string;
  /** Each one is required unless it is in brackets; the last may end in `…` and then be given several times. */
  readonly operands: readonly string[];
  readonly options: O;
  readonly examples: readonly string[];
  run(call: Invocation<O>): Promise<ExitCode>;
}

/** A command as the table of all commands holds it; its own options stay typed inside. */
export function command<const O extends OptionSpecs>(declared: Command<O>): Command {
  return declared;
}
