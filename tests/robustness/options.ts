import { parseArgs } from 'node:util';
import { OUTAGES, type Outage } from './nemesis/outage.ts';

export interface Options {
  help: boolean;
  seconds: number;
  /** Messaging processes and a Telegram on this machine, in place of the pool's own clients. */
  telegram: boolean;
  /** The real messaging service: sends, leases and watches. */
  messaging: boolean;
  seed: string;
  /** Judge this history again and run nothing. */
  check: string | undefined;
  /** Run one control; `all` runs each and demands that it is caught. */
  control: string | undefined;
  /** Only these faults. */
  faults: string[] | undefined;
  /** These alone, each once and for so long, in place of the faults. */
  outages: readonly Outage[];
  /** Without it, NATS where a nats-server is on PATH. */
  events: 'nats' | 'postgres' | undefined;
  /** Keep the history of a run that passed too. */
  keep: boolean;
}

export const usage = `npm run test:robustness -- [options]

  --seconds N       how long faults and traffic last (default 60)
  --telegram        messaging processes that send over MTProto, in place of the pool's own clients
  --messaging       the real messaging service: sends, callers' leases and watches over MTProto
  --seed S          what faults and clients do follows from it (default: a new one, printed)
  --check FILE      judge a history again
  --control NAME    run with one thing broken, which must be caught; "all" runs every control
  --faults A,B      only these faults
  --outage WHAT=S   postgres or nats is away for so many seconds; may be given for both, and is then the only fault
  --events nats|postgres
  --keep            keep the history also when all held`;

export function readOptions(argv: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...argv],
    strict: true,
    allowPositionals: false,
    options: {
      help: { type: 'boolean', short: 'h', default: false },
      seconds: { type: 'string', default: '60' },
      telegram: { type: 'boolean', default: false },
      messaging: { type: 'boolean', default: false },
      outage: { type: 'string', multiple: true, default: [] },
      seed: { type: 'string' },
      check: { type: 'string' },
      control: { type: 'string' },
      faults: { type: 'string' },
      events: { type: 'string' },
      keep: { type: 'boolean', default: false },
    },
  });
  const seconds = Number(values.seconds);
  if (!Number.isInteger(seconds) || seconds < 5 || seconds > 86_400)
    throw new Error(`--seconds ${values.seconds}: give a whole number from 5 to 86400`);
  const { events } = values;
  if (events !== undefined && events !== 'nats' && events !== 'postgres')
    throw new Error(`--events ${events}: give nats or postgres`);
  if (values.telegram && values.messaging) throw new Error('give --telegram or --messaging, not both');
  return {
    help: values.help,
    seconds,
    telegram: values.telegram,
    messaging: values.messaging,
    outages: values.outage.map(readOutage),
    seed: values.seed ?? String(Date.now() % 1_000_000),
    check: values.check,
    control: values.control,
    faults: values.faults?.split(','),
    events,
    keep: values.keep,
  };
}

function readOutage(text: string): Outage {
  const [name, length = ''] = text.split('=');
  const of = OUTAGES.find((one) => one === name);
  const seconds = Number(length);
  if (!of || !Number.isInteger(seconds) || seconds < 1 || seconds > 86_400)
    throw new Error(
      `--outage ${text}: give ${OUTAGES.join(' or ')}, "=" and a whole number of seconds, as postgres=60`,
    );
  return { of, seconds };
}
