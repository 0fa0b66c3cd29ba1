import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { authMeasurements } from './auth/suite.ts';
import { edgeMeasurements } from './edge/suite.ts';
import { engagementMeasurements } from './engagement/suite.ts';
import { messagingMeasurements, type MessagingBench } from './messaging/suite.ts';
import { openBench } from './pool/bench.ts';
import { measurements } from './pool/suite.ts';
import { telegramMeasurements } from './telegram/suite.ts';
import { measureTransports } from './transports/suite.ts';
import { isMet, tableOf, writeReport, type Line } from './report.ts';

const HELP = `npm run bench -- NAME [options]

Measures on this machine, prints one table and writes tests/bench/results/NAME.json. Ratios are taken within one
run: figures of different machines, or of different days, are not comparable.

Names:
  auth        a call by a caller who is known already against one that asks for nobody; accounts that log in
              and that get a proxy
  engagement  campaigns planned, actions a second with no gap between them, texts by template
  edge        a JSON call through the gateway and GET /session + POST /release against bare echoes, idle streams
  messaging   SendMessage against the bare driver, how soon messages reach their watchers, what a watched account costs
  pool        session-pool against a bare gRPC echo: acquires and releases, renewals, reclaims, counts, sync
  telegram    the driver and the local Telegram: many sessions, calls against GramJS, messages, connects
  transports  an echo behind grpc-js and behind connect-node

Options:
  --only LIST       only these measurements, separated by commas; nothing is written to results
                    (auth: ${Object.keys(authMeasurements).join(', ')};
                    edge: ${Object.keys(edgeMeasurements).join(', ')};
                    engagement: ${Object.keys(engagementMeasurements).join(', ')};
                    messaging: ${Object.keys(messagingMeasurements).join(', ')};
                    pool: ${Object.keys(measurements).join(', ')};
                    telegram: ${Object.keys(telegramMeasurements).join(', ')})
  --rounds N        rounds of each comparison (5)
  --seconds N       seconds a rate is measured for in each round (3)
  --events BUS      nats or postgresql; by default nats when a nats-server is on PATH
  --profile FOLDER  session-pool, or the gateway of edge's unary, writes CPU profiles there
  --sessions N      telegram: sessions connected at once (2000)
  --watched N       messaging: accounts that are watched (500)
  --logins N        auth: accounts that log in (1000)
  --cycles N        telegram: connects and disconnects (10000)
  --help            this text

Exit status: 0 when every target was reached, 1 when one was missed, 2 when the command is wrong.
`;

const BUSES = ['nats', 'postgresql'] as const;
const RESULTS = fileURLToPath(new URL('results', import.meta.url));

class WrongUse extends Error {}
class Interrupted extends Error {}

function readCommand() {
  const { values, positionals } = parseCommand();
  const suites: Record<string, object> = {
    auth: authMeasurements,
    edge: edgeMeasurements,
    engagement: engagementMeasurements,
    messaging: messagingMeasurements,
    telegram: telegramMeasurements,
  };
  const known = Object.keys(suites[positionals[0] ?? ''] ?? measurements);
  const only = values.only?.split(',') ?? known;
  for (const name of only)
    if (!known.includes(name)) throw new WrongUse(`--only ${name}: known are ${known.join(', ')}`);
  const events = BUSES.find((bus) => bus === values.events);
  if (values.events !== undefined && !events) throw new WrongUse('--events: nats or postgresql');
  return {
    help: values.help === true,
    names: positionals,
    only,
    isWhole: values.only === undefined,
    rounds: positive('--rounds', values.rounds ?? '5'),
    seconds: positive('--seconds', values.seconds ?? '3'),
    events,
    profileFolder: values.profile,
    sessions: positive('--sessions', values.sessions ?? '2000', 20_000),
    logins: positive('--logins', values.logins ?? '1000', 100_000),
    watched: positive('--watched', values.watched ?? '500', 20_000),
    cycles: positive('--cycles', values.cycles ?? '10000', 1_000_000),
  };
}

function parseCommand() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        only: { type: 'string' },
        rounds: { type: 'string' },
        seconds: { type: 'string' },
        events: { type: 'string' },
        profile: { type: 'string' },
        sessions: { type: 'string' },
        logins: { type: 'string' },
        cycles: { type: 'string' },
        watched: { type: 'string' },
        help: { type: 'boolean' },
      },
    });
  } catch (error) {
    throw new WrongUse((error as Error).message);
  }
}

function positive(option: string, text: string, most = 1_000): number {
  const value = Number(text);
  if (!(value > 0 && value <= most)) throw new WrongUse(`${option} ${text}: a number from 1 to ${most}`);
  return value;
}

async function main(): Promise<number> {
  const command = readCommand();
  if (command.help) {
    console.log(HELP);
    return 0;
  }
  const [name, ...more] = command.names;
  const { rounds, seconds, events, profileFolder } = command;
  if (name === 'transports' && more.length === 0) {
    const lines = await measureTransports({ rounds, seconds });
    console.log(tableOf(lines));
    console.log(`written to ${writeReport(RESULTS, { name, seconds, rounds, lines }, new Date())}`);
    return 0;
  }
  if (name === 'telegram' && more.length === 0) return measureTelegram(command);
  if (name === 'auth' && more.length === 0) return measureAuth(command);
  if (name === 'edge' && more.length === 0) return measureEdge(command);
  const measurementsOf = suiteOf(name);
  if (!measurementsOf || more.length > 0)
    throw new WrongUse('name one benchmark: auth, engagement, messaging, pool, telegram or transports');
  const bench = await openBench({
    rounds,
    seconds,
    events,
    profileFolder,
    say: (text) => console.error(text),
  });
  const lines: Line[] = [];
  // PostgreSQL has a session of its own, which Ctrl-C does not reach.
  const interrupted = Promise.withResolvers<never>();
  process.once('SIGINT', () => interrupted.reject(new Interrupted()));
  try {
    for (const part of command.only) {
      console.error(`${part} …`);
      const own: MessagingBench = { ...bench, watched: command.watched };
      lines.push(...(await Promise.race([measurementsOf[part]!(own), interrupted.promise])));
    }
  } finally {
    await bench.stop();
  }
  console.log(tableOf(lines));
  console.log(`events on ${bench.events}, PostgreSQL ${bench.postgresVersion}, Node ${process.version}`);
  if (command.isWhole) {
    const { postgresVersion } = bench;
    const report = { name: name!, events: bench.events, postgresVersion, seconds, rounds, lines };
    console.log(`written to ${writeReport(RESULTS, report, new Date())}`);
  }
  return lines.every((line) => isMet(line) !== false) ? 0 : 1;
}

function suiteOf(
  name: string | undefined,
): Readonly<Record<string, (bench: MessagingBench) => Promise<Line[]>>> | undefined {
  if (name === 'pool') return measurements;
  if (name === 'messaging') return messagingMeasurements;
  return name === 'engagement' ? engagementMeasurements : undefined;
}

async function measureTelegram(command: ReturnType<typeof readCommand>): Promise<number> {
  const { rounds, seconds, sessions, cycles, only, isWhole } = command;
  const bench = { rounds, seconds, sessions, cycles, idleSeconds: 20, clients: 64 };
  const lines: Line[] = [];
  for (const part of only) {
    console.error(`${part} …`);
    lines.push(...(await telegramMeasurements[part]!(bench)));
  }
  console.log(tableOf(lines));
  const isUsual = sessions === 2_000 && cycles === 10_000;
  if (isWhole && isUsual) {
    const report = { name: 'telegram', seconds, rounds, lines };
    console.log(`written to ${writeReport(RESULTS, report, new Date())}`);
  }
  return lines.every((line) => isMet(line) !== false) ? 0 : 1;
}

async function measureAuth({
  rounds,
  seconds,
  only,
  isWhole,
  logins,
}: ReturnType<typeof readCommand>): Promise<number> {
  const lines: Line[] = [];
  for (const part of only) {
    console.error(`${part} …`);
    lines.push(...(await authMeasurements[part]!({ rounds, seconds, logins })));
  }
  console.log(tableOf(lines));
  if (isWhole && logins === 1_000) {
    const report = { name: 'auth', seconds, rounds, lines };
    console.log(`written to ${writeReport(RESULTS, report, new Date())}`);
  }
  return lines.every((line) => isMet(line) !== false) ? 0 : 1;
}

async function measureEdge(command: ReturnType<typeof readCommand>): Promise<number> {
  const { rounds, seconds, events, profileFolder, only, isWhole } = command;
  const bench = { rounds, seconds, events, profileFolder, say: (text: string) => console.error(text) };
  const lines: Line[] = [];
  for (const part of only) {
    console.error(`${part} …`);
    lines.push(...(await edgeMeasurements[part]!(bench)));
  }
  console.log(tableOf(lines));
  if (isWhole) {
    const report = { name: 'edge', seconds, rounds, lines };
    console.log(`written to ${writeReport(RESULTS, report, new Date())}`);
  }
  return lines.every((line) => isMet(line) !== false) ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (error instanceof Interrupted) process.exit(130);
  if (!(error instanceof WrongUse)) throw error;
  console.error(`${error.message}\n\n${HELP}`);
  process.exitCode = 2;
}
