import { randomBytes } from 'node:crypto';
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2';
import { fileURLToPath } from 'node:url';
import { openBench, type BenchOptions } from '../pool/bench.ts';
import { startProgram, TENANT, type Program } from '../pool/system.ts';
import { rateLine, ratioLine, type Line } from '../report.ts';
import { median } from '../statistics.ts';
import { usageOf } from './control.ts';
import { echoCall, perSecond, sessionPair } from './rates.ts';

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const GATEWAY = fileURLToPath(new URL('../../../services/gateway/main.ts', import.meta.url));

const IDLE_STREAMS = 2_000;
const STREAMS_A_CONNECTION = 100;
const REPEAT = '/telegate.test.echo.v1.EchoService/Repeat';

export type EdgeBench = Pick<BenchOptions, 'rounds' | 'seconds' | 'events' | 'profileFolder' | 'say'>;

export const edgeMeasurements: Record<string, (bench: EdgeBench) => Promise<Line[]>> = {
  unary: measureUnary,
  sessions: measureSessions,
  streams: measureStreams,
};

interface EchoEdge {
  readonly gateway: Program;
  readonly apiKey: string;
  stop(): Promise<void>;
}

async function startEchoEdge(nodeOptions: readonly string[] = []): Promise<EchoEdge> {
  const meshKey = randomBytes(32).toString('base64');
  const apiKey = `tgop_${randomBytes(24).toString('base64url')}`;
  const echo = await start(['echo.ts', meshKey]);
  const gateway = await start(['gateway.ts', String(echo.said['address']), meshKey, apiKey], nodeOptions);
  return {
    gateway,
    apiKey,
    async stop() {
      await gateway.stop();
      await echo.stop();
    },
  };
}

function start([name, ...args]: string[], nodeOptions: readonly string[] = []): Promise<Program> {
  return startProgram([...nodeOptions, here(name!), ...args], { PATH: process.env['PATH'] }, 'serving');
}

interface Round {
  readonly rate: number;
  /** Of the serving process alone. */
  readonly cpuMicroseconds: number;
}

async function measured(
  program: Program,
  seconds: number,
  once: ReturnType<typeof echoCall>,
): Promise<Round> {
  const [port, usage] = [Number(program.said['port']), Number(program.said['usage'])];
  const before = await usageOf(usage);
  const from = performance.now();
  const rate = await perSecond(port, seconds, once);
  const elapsed = (performance.now() - from) / 1_000;
  const { cpuSeconds } = await usageOf(usage);
  return { rate, cpuMicroseconds: ((cpuSeconds - before.cpuSeconds) / (rate * elapsed)) * 1e6 };
}

/** An echo behind the gateway and a service, and one behind connect-node alone: the same call, in turn. */
async function measureUnary({ rounds, seconds, profileFolder }: EdgeBench): Promise<Line[]> {
  const bare = await start(['bare.ts']);
  const edge = await startEchoEdge(
    profileFolder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`],
  );
  const seen = { bare: [] as Round[], gateway: [] as Round[] };
  try {
    const call = echoCall(edge.apiKey);
    // The first round warms everything up and is not counted.
    for (let round = 0; round <= rounds; round += 1) {
      const [without, through] = [
        await measured(bare, seconds, call),
        await measured(edge.gateway, seconds, call),
      ];
      if (round === 0) continue;
      seen.bare.push(without);
      seen.gateway.push(through);
    }
  } finally {
    await edge.stop();
    await bare.stop();
  }
  const rates = (all: readonly Round[]): number[] => all.map(({ rate }) => rate);
  return [
    callsLine('JSON call to a bare connect-node echo', seen.bare),
    callsLine('JSON call through the gateway', seen.gateway),
    ratioLine('gateway / bare, calls', rates(seen.gateway), rates(seen.bare), 0.4),
  ];
}

function callsLine(name: string, all: readonly Round[]): Line {
  const value = median(all.map(({ rate }) => rate));
  const cpu = Math.round(median(all.map(({ cpuMicroseconds }) => cpuMicroseconds)));
  const rounds = all.map(({ rate }) => rate);
  return { name, value, shown: `${Math.round(value)} calls/s, ${cpu} µs of its CPU each`, rounds };
}

/** GET /session and POST /release through the gateway's own process and a session-pool, against two bare echoes. */
async function measureSessions({ rounds, seconds, events, say }: EdgeBench): Promise<Line[]> {
  const bench = await openBench({ rounds, seconds, events, profileFolder: undefined, say });
  const bare = await start(['bare.ts']);
  const meshKey = randomBytes(32).toString('base64');
  const system = await bench.start({ env: { TELEGATE_MESH_KEY: meshKey } });
  await system.sql.query('update sessions set has_file = true where tenant_id = $1', [TENANT]);
  const gateway = await startProgram(
    [GATEWAY],
    {
      PATH: process.env['PATH'],
      ...(bench.natsUrl === undefined ? { DATABASE_URL: system.url } : { NATS_URL: bench.natsUrl }),
      TELEGATE_MESH_KEY: meshKey,
      TELEGATE_OPERATOR_KEY: system.apiKey,
      SESSION_POOL_ADDRESS: system.address,
      GATEWAY_CALLS_PER_SECOND: '0',
      GATEWAY_ADDRESS_CALLS_PER_SECOND: '0',
      GRPC_PORT: '0',
      ADMIN_PORT: '0',
    },
    'serving',
  );
  const seen = { bare: [] as number[], pairs: [] as number[] };
  try {
    const pair = sessionPair(system.apiKey);
    const echo = echoCall(system.apiKey);
    const twoEchoes: typeof echo = async (connection) => {
      await echo(connection);
      await echo(connection);
    };
    for (let round = 0; round <= rounds; round += 1) {
      const without = await perSecond(Number(bare.said['port']), seconds, twoEchoes);
      const through = await perSecond(Number(gateway.said['grpc_port']), seconds, pair);
      while ((await system.backlog()) > 0) await new Promise((resolve) => setTimeout(resolve, 20));
      if (round === 0) continue;
      seen.bare.push(without);
      seen.pairs.push(through);
    }
  } finally {
    await gateway.stop();
    await bare.stop();
    await bench.stop();
  }
  return [
    rateLine('two calls to the bare echo', seen.bare),
    rateLine('GET /session + POST /release', seen.pairs),
    ratioLine('sessions / bare, pairs', seen.pairs, seen.bare, 0.3),
  ];
}

/** What a stream costs the gateway that says nothing: memory after a collection, with them and without. */
async function measureStreams(): Promise<Line[]> {
  const edge = await startEchoEdge(['--expose-gc']);
  const usage = Number(edge.gateway.said['usage']);
  const url = `http://127.0.0.1:${String(edge.gateway.said['port'])}`;
  try {
    // What is loaded and made at the first streams is not theirs.
    const first = await openStreams(url, edge.apiKey, STREAMS_A_CONNECTION);
    const before = await settledRss(usage);
    const many = await openStreams(url, edge.apiKey, IDLE_STREAMS);
    const after = await settledRss(usage);
    for (const session of [...first, ...many]) session.destroy();
    const value = (after - before) / IDLE_STREAMS;
    const name = `memory of an idle stream, ${IDLE_STREAMS} of them`;
    return [{ name, value, shown: `${(value / 1_000).toFixed(1)} kB`, target: { atMost: 100_000 } }];
  } finally {
    await edge.stop();
  }
}

/** Memory comes back to the system a while after it is free. */
async function settledRss(usage: number): Promise<number> {
  let least = Infinity;
  for (let look = 0; look < 10; look += 1) {
    least = Math.min(least, (await usageOf(usage)).rssBytes);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return least;
}

async function openStreams(url: string, apiKey: string, count: number): Promise<ClientHttp2Session[]> {
  const sessions = Array.from({ length: count / STREAMS_A_CONNECTION }, () => connectHttp2(url));
  await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const stream = sessions[index % sessions.length]!.request({
        ':path': REPEAT,
        ':method': 'POST',
        'content-type': 'application/grpc',
        'x-api-key': apiKey,
      });
      stream.on('error', () => undefined).end(Buffer.alloc(5));
      await new Promise((resolve, reject) => stream.once('response', resolve).once('close', reject));
    }),
  );
  return sessions;
}
