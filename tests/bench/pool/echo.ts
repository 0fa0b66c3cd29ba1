import { fileURLToPath } from 'node:url';
import { startProgram } from './system.ts';

const PROGRAM = fileURLToPath(new URL('echo-server.ts', import.meta.url));

/** A process that answers these methods with these bytes. */
export async function startEcho(
  answers: Readonly<Record<string, Buffer>>,
): Promise<{ address: string; stop(): Promise<void> }> {
  const encoded = Object.entries(answers).map(([path, bytes]) => [path, bytes.toString('base64')]);
  const program = await startProgram([PROGRAM, JSON.stringify(Object.fromEntries(encoded))], {}, 'serving');
  return { address: `127.0.0.1:${String(program.said['port'])}`, stop: () => program.stop() };
}
