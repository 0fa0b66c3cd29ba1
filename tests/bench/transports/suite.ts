import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Line } from '../report.ts';
import { startProgram } from '../pool/system.ts';
import { median } from '../statistics.ts';

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

const KINDS = [
  { kind: 'grpc-js', port: 'grpc', name: 'grpc-js serving gRPC' },
  { kind: 'grpc', port: 'http2', name: 'connect-node serving gRPC' },
  { kind: 'connect', port: 'http1', name: 'connect-node serving Connect over HTTP/1.1' },
] as const;

/** A unary echo behind each library, in turns, so that a machine whose speed drifts favours none. */
export async function measureTransports(options: { rounds: number; seconds: number }): Promise<Line[]> {
  const server = await startProgram([here('server.ts')], { PATH: process.env['PATH'] }, 'serving');
  const rates = new Map<string, number[]>(KINDS.map(({ kind }) => [kind, []]));
  try {
    for (let round = 0; round < options.rounds; round += 1)
      for (const { kind, port } of KINDS) {
        const { stdout } = await promisify(execFile)(process.execPath, [
          here('client.ts'),
          kind,
          String(server.said[port]),
          String(options.seconds),
        ]);
        rates.get(kind)!.push(Number(stdout));
      }
  } finally {
    await server.stop();
  }
  const base = rates.get('grpc-js')!;
  return KINDS.map(({ kind, name }) => {
    const rounds = rates.get(kind)!;
    const share = median(rounds.map((rate, round) => rate / base[round]!));
    const value = median(rounds);
    return { name, value, shown: `${Math.round(value)} calls/s, ${share.toFixed(2)} of grpc-js`, rounds };
  });
}
