import { parseArgs } from 'node:util';
import { StartFailure, messageOf } from './failure.ts';

export interface Options {
  help: boolean;
  /** Delete the embedded data before starting. */
  fresh: boolean;
  /** Free ports and a temporary folder that is removed at the end. */
  ephemeral: boolean;
  /** Start a nats-server that is on PATH. */
  nats: boolean;
  meshFile: string | undefined;
}

export function readOptions(argv: readonly string[]): Options {
  try {
    const { values } = parseArgs({
      args: [...argv],
      strict: true,
      allowPositionals: false,
      allowNegative: false,
      options: {
        help: { type: 'boolean', short: 'h', default: false },
        fresh: { type: 'boolean', default: false },
        ephemeral: { type: 'boolean', default: false },
        'no-nats': { type: 'boolean', default: false },
        'mesh-file': { type: 'string' },
      },
    });
    if (values['mesh-file'] === '') throw new Error("Option '--mesh-file' needs a path");
    return {
      help: values.help,
      fresh: values.fresh,
      ephemeral: values.ephemeral,
      nats: !values['no-nats'],
      meshFile: values['mesh-file'],
    };
  } catch (error) {
    throw new StartFailure(`${messageOf(error)}. See: npm start -- --help`);
  }
}
