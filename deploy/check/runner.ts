import type { Outcome } from '../codegen/command.ts';

export interface Step {
  name: string;
  run(): Promise<Outcome>;
}

export interface Surroundings {
  parallel: number;
  monotonic(): number; // milliseconds
  print(text: string): void;
}

// Runs every step, whatever the others do, and prints a line for each as it ends.
export async function runSteps(steps: readonly Step[], around: Surroundings): Promise<{ failed: string[] }> {
  const failed: string[] = [];
  const waiting = [...steps];
  const width = Math.max(...steps.map(({ name }) => name.length));

  const work = async (): Promise<void> => {
    for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) {
      const startedAt = around.monotonic();
      const { code, output } = await settle(step);
      const seconds = ((around.monotonic() - startedAt) / 1_000).toFixed(1);
      const said = output.trim();
      if (code !== 0) failed.push(step.name);
      const line = `${code === 0 ? 'ok  ' : 'FAIL'}  ${step.name.padEnd(width)}  ${seconds.padStart(5)} s`;
      if (code !== 0) around.print(`${line}\n${said === '' ? `(no output, exit code ${code})` : said}\n\n`);
      else around.print(said === '' || said.includes('\n') ? `${line}\n` : `${line}  ${said}\n`);
    }
  };
  await Promise.all(Array.from({ length: around.parallel }, work));
  return { failed };
}

async function settle(step: Step): Promise<Outcome> {
  try {
    return await step.run();
  } catch (error) {
    return { code: 1, output: error instanceof Error ? error.message : String(error) };
  }
}
