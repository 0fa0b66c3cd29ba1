import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { check } from './check/check.ts';
import { catchControl, chooseControls } from './controls/drive.ts';
import { readHistory, type Entry } from './history.ts';
import { checkMessaging } from './messaging/check.ts';
import { reportMessaging } from './messaging/report.ts';
import { runMessagingScenario } from './messaging/run.ts';
import { allFaults, chooseFaults, messagingFaults, telegramFaults } from './nemesis/schedule.ts';
import { outageFault } from './nemesis/outage.ts';
import { readOptions, usage, type Options } from './options.ts';
import { report } from './report.ts';
import { removeHistory, runScenario } from './run-scenario.ts';
import { checkTelegram } from './telegram/check.ts';
import { reportTelegram } from './telegram/report.ts';
import { runTelegramScenario } from './telegram/run.ts';

const say = (text: string): void => console.log(text);

// Whatever a broken program left open must not keep a run that is judged from ending.
process.exit(await main());

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if (options.help) {
    say(usage);
    return 0;
  }
  if (options.check !== undefined) return judge(options.check);
  if (options.control !== undefined) return catchAll(options, options.control);
  const history = newHistory(options);
  const { all, run } = stageOf(options);
  const { outages } = options;
  if (outages.length > 0) {
    const faults = outages.map(outageFault);
    // The schedule ends once all of them were: each begins before its time is over, and none a second time.
    const seconds = outages.reduce((sum, outage) => sum + outage.seconds, 0) - 1;
    await run({ ...options, faults, seconds: Math.max(5, seconds), history, say });
  } else await run({ ...options, faults: chooseFaults(options.faults, all), history, say });
  const failed = judge(history);
  if (failed === 0 && !options.keep) removeHistory(history);
  return failed;
}

function stageOf({ telegram, messaging }: Options) {
  if (messaging) return { all: messagingFaults, run: runMessagingScenario };
  if (telegram) return { all: telegramFaults, run: runTelegramScenario };
  return { all: allFaults, run: runScenario };
}

function judge(file: string): number {
  const entries = readHistory(file);
  const has = (wanted: Entry['kind']): boolean => entries.some(({ kind }) => kind === wanted);
  const [judgeAll, tell] = has('watcher')
    ? ([checkMessaging, reportMessaging] as const)
    : has('telegram')
      ? ([checkTelegram, reportTelegram] as const)
      : ([check, report] as const);
  const verdicts = judgeAll(entries);
  const text = tell(entries, verdicts);
  say(text.replace(/\n(PASS|FAIL)$/, ''));
  const holds = verdicts.every(({ violations }) => violations.length === 0);
  if (!holds) say(`The history is kept; judge it again with: npm run test:robustness -- --check ${file}`);
  say(holds ? 'PASS' : 'FAIL');
  return holds ? 0 : 1;
}

async function catchAll(options: Options, name: string): Promise<number> {
  const lines: string[] = [];
  let caughtAll = true;
  for (const control of chooseControls(name)) {
    say(`control ${control.name}`);
    const { caught, tookMs, example } = await catchControl(control, {
      seed: options.seed,
      events: options.events,
      newHistory: () => newHistory(options),
      say,
    });
    caughtAll &&= caught;
    const seconds = (tookMs / 1_000).toFixed(0);
    lines.push(
      `${control.name.padEnd(24)} ${caught ? 'caught' : 'NOT caught'} after ${seconds} s  ${example ?? ''}`,
    );
    say(`  ${lines.at(-1)}`);
  }
  say(['', ...lines, '', caughtAll ? 'PASS' : 'FAIL'].join('\n'));
  return caughtAll ? 0 : 1;
}

function newHistory({ seed }: Options): string {
  const folder = join(import.meta.dirname, 'histories');
  mkdirSync(folder, { recursive: true });
  return join(folder, `${new Date().toISOString().replace(/[:.]/g, '-')}-seed-${seed}.jsonl`);
}
