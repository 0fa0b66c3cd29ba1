import type { DescService } from '@bufbuild/protobuf';
import type { Clock } from '#lib/lifecycle/clock.ts';
import { readArguments, type Call } from './arguments.ts';
import { commands } from './commands.ts';
import { exitCode, type ExitCode } from './exit-code.ts';
import { explain } from './explain.ts';
import { commandHelp, generalHelp } from './help.ts';
import { unlessInterrupted } from './interrupted.ts';
import { readInput } from './input.ts';
import { Misuse } from './misuse.ts';
import { findPlace, type Place } from './place.ts';
import { openService, type Service } from './service.ts';
import { createAsk, type KeyboardStream } from './terminal/ask.ts';
import { createOutput, createPaint, type TextStream } from './terminal/output.ts';

/** Everything that the program has of the world around it. */
export interface World {
  argv: readonly string[];
  env: NodeJS.ProcessEnv;
  cwd: string;
  stdin: KeyboardStream;
  stdout: TextStream;
  stderr: TextStream;
  clock: Clock;
  stop: AbortSignal;
  /** What a Ctrl-C does, for where the terminal makes no signal of it. */
  interrupt: () => void;
  caller: string;
}

export async function runCli(world: World): Promise<ExitCode> {
  const { argv, env, stdout, stderr } = world;
  let place: Place | undefined;
  try {
    const call = readArguments(argv, commands);
    if ('helpFor' in call) {
      const [only, ...others] = call.helpFor;
      stdout.write(`${only && others.length === 0 ? commandHelp(only) : generalHelp(call.helpFor)}\n`);
      return exitCode.ok;
    }
    return await runCommand(world, call, (found) => (place = found));
  } catch (error) {
    const { text, json, exitCode: code } = explain(error, place);
    const paint = createPaint(stderr.isTTY === true, env);
    stderr.write(argv.includes('--json') ? `${JSON.stringify(json)}\n` : `${paint('red', text)}\n`);
    return code;
  }
}

async function runCommand(
  world: World,
  { command, values, shared, operands }: Call,
  onPlace: (place: Place) => void,
): Promise<ExitCode> {
  const { env, cwd, clock, stop, interrupt, caller, stdin, stdout, stderr } = world;
  const service = <S extends DescService>(wanted: S): Service<S> => {
    const place = findPlace(wanted.typeName.split('.')[1]!, {
      endpoint: shared.endpoint,
      apiKeyFile: shared['api-key-file'],
      meshFile: shared['mesh-file'],
      env,
      cwd,
    });
    onPlace(place);
    return openService(wanted, place, stop);
  };
  const ask = createAsk({ stdin, stderr, stop, interrupt });
  try {
    return await command.run({
      values,
      operands,
      out: createOutput({ stdout, stderr, isJson: shared.json === true, env }),
      clock,
      stop,
      caller,
      env,
      cwd,
      shared,
      ask,
      isPiped: stdin.isTTY !== true,
      service,
      readInput: (path, maxBytes) => unlessInterrupted(stop, readInput(path, { maxBytes, cwd, stdin })),
    });
  } catch (error) {
    if (error instanceof Misuse) error.command ??= command.name;
    throw error;
  } finally {
    ask.close();
  }
}
