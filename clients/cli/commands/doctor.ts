import { command, type Invocation } from '../command.ts';
import type { Finding, Level } from '../doctor/finding.ts';
import { homeOf, launcherFinding, machineFindings } from '../doctor/machine.ts';
import { callFindings, keyFinding, processFindings, telegramFindings } from '../doctor/mesh.ts';
import { databaseFindings, natsFindings } from '../doctor/stores.ts';
import { fail, ok, skipped } from '../doctor/finding.ts';
import { exitCode } from '../exit-code.ts';
import { Misuse } from '../misuse.ts';
import { findLocalMesh, findPlace, NoMesh, type FoundMesh, type Place } from '../place.ts';
import type { Colour } from '../terminal/output.ts';
import { plain } from '../terminal/table.ts';

const colours: Readonly<Record<Level, Colour>> = { ok: 'green', warn: 'yellow', fail: 'red', skipped: 'dim' };

export const doctor = command({
  name: 'doctor',
  summary: 'looks at everything a mesh needs and says what to do; exit code 1 if something fails',
  detail:
    'A line is ok, warn, fail, or skipped where it can not be seen from here: the database and NATS are known from\n' +
    'mesh.json, or from DATABASE_URL and NATS_URL. It changes nothing. --json gives one object a line.',
  operands: [],
  options: {},
  examples: ['telegate doctor', 'telegate doctor --json | jq -c \'select(.level == "fail")\''],
  async run(call) {
    let failed = 0;
    let warned = 0;
    const tell = (finding: Finding): void => {
      if (finding.level === 'fail') failed += 1;
      if (finding.level === 'warn') warned += 1;
      show(call, finding);
    };
    await examine(call, tell);
    if (!call.out.isJson)
      call.out.event(
        () => null,
        () =>
          failed + warned === 0
            ? 'Everything is well.'
            : `${failed} ${failed === 1 ? 'thing fails' : 'things fail'}, ${warned} to look at.`,
      );
    return failed === 0 ? exitCode.ok : exitCode.refused;
  },
});

async function examine(call: Invocation, tell: (finding: Finding) => void): Promise<void> {
  const { env, cwd, clock } = call;
  const { place, found, problem } = findAll(call);
  for (const finding of machineFindings(homeOf(found?.path, env, cwd), env, process.versions.node))
    tell(finding);
  if (place)
    tell(ok('mesh', `${place.addresses.map(({ target }) => target).join(', ')}, by ${place.source}`));
  else
    tell(
      fail(
        'mesh',
        problem!.message,
        'telegate up starts one here; --endpoint or TELEGATE_ENDPOINT names another.',
      ),
    );
  const mesh = found?.mesh;
  if (found) tell(launcherFinding(found.path, found.mesh.pid));

  const natsUrl = mesh
    ? mesh.events.kind === 'postgres'
      ? undefined
      : mesh.events.url
    : nonEmpty(env['NATS_URL']);
  const databaseUrl = mesh?.postgres.url ?? nonEmpty(env['DATABASE_URL']);
  if (databaseUrl === undefined) tell(skipped('database', 'neither mesh.json nor DATABASE_URL names it'));
  else for (const finding of await databaseFindings(databaseUrl, natsUrl, clock)) tell(finding);
  if (natsUrl !== undefined) for (const finding of await natsFindings(natsUrl)) tell(finding);
  else if (mesh) tell(ok('NATS', 'not used: events travel through PostgreSQL'));
  else tell(skipped('NATS', 'neither mesh.json nor NATS_URL names it'));

  if (mesh) for (const finding of await processFindings(mesh)) tell(finding);
  if (place) {
    const key = await keyFinding(call);
    tell(key);
    if (key.level !== 'fail') {
      const seen = await callFindings(call, mesh?.telegram?.kind === 'local');
      // The database's own answer to the same question came first.
      for (const finding of seen) if (finding.what !== 'clocks' || databaseUrl === undefined) tell(finding);
    }
  }
  for (const finding of await telegramFindings(mesh)) tell(finding);
}

/** The mesh file counts where it is what the calls go by: not when another endpoint is named. */
function findAll({ shared, env, cwd }: Invocation): { place?: Place; found?: FoundMesh; problem?: Error } {
  const options = {
    endpoint: shared.endpoint,
    apiKeyFile: shared['api-key-file'],
    meshFile: shared['mesh-file'],
    env,
    cwd,
  };
  try {
    const place = findPlace('account_auth', options);
    const found = findLocalMesh(options);
    return found && found.path === place.source ? { place, found } : { place };
  } catch (error) {
    if (error instanceof NoMesh || error instanceof Misuse) return { problem: error };
    throw error;
  }
}

function show({ out }: Invocation, { what, level, text, remedy }: Finding): void {
  out.event(
    () => ({ what, level, text, ...(remedy === undefined ? {} : { remedy }) }),
    () => {
      const line = `${out.paint(colours[level], level.padEnd(7))}  ${what.padEnd(14)}  ${plain(text)}`;
      return remedy === undefined ? line : `${line}\n${' '.repeat(25)}${plain(remedy)}`;
    },
  );
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === undefined || text.trim() === '' ? undefined : text.trim();
}
