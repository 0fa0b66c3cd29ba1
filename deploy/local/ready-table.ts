import { join, relative, sep } from 'node:path';
import type { Home } from './home.ts';
import { placeOf } from '../await-database.ts';
import type { MeshFile, MeshTelegram } from './mesh-file.ts';

export interface ReadyTable {
  mesh: MeshFile;
  meshFile: string;
  keysFile: string | undefined;
  home: Home;
  /** Paths below it are shown as seen from there. */
  projectFolder: string;
  ephemeral: boolean;
  totalMs: number;
}

/** What is printed when everything runs. The key itself is only in the file. */
export function readyTable(table: ReadyTable): string {
  const { mesh } = table;
  const meshFile = shown(table, table.meshFile);
  const rows: [string, string][] = [];
  for (const [service, { grpc, admin }] of Object.entries(mesh.endpoints)) {
    const served = service === 'gateway' ? `http://${grpc} (/docs)` : `gRPC ${grpc}`;
    rows.push([service.replaceAll('_', '-'), `${served}   admin ${admin} (/readyz /metrics)`]);
  }
  if (mesh.telegram) rows.push(['Telegram', telegramRow(mesh.telegram, meshFile)]);
  rows.push(['PostgreSQL', postgresRow(table)], ['events', eventsRow(mesh)], ['keys', keysRow(table)]);
  rows.push(['API key', `"apiKey" in ${meshFile} (mode 0600, gone when the mesh stops)`]);
  const width = Math.max(...rows.map(([name]) => name.length));
  return [
    `TeleGate is ready after ${(table.totalMs / 1_000).toFixed(1)} s.`,
    '',
    ...rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`),
    '',
    ...(mesh.telegram?.kind === 'local' ? [mesh.telegram.publicKey] : []),
    ...firstSteps(table, meshFile),
    table.ephemeral
      ? 'Ctrl-C stops everything and deletes the data.'
      : 'Ctrl-C stops everything and keeps the data; npm start -- --fresh starts from nothing.',
    '',
  ].join('\n');
}

function telegramRow(telegram: MeshTelegram, meshFile: string): string {
  if (telegram.kind === 'telegram') return 'the real one (TELEGRAM_API_ID)';
  const places = telegram.dataCenters.map(({ id, host, port }) => `${id} at ${host}:${port}`);
  return (
    `local, data centres ${places.join(', ')}; its public key (${telegram.fingerprint}) is below and in ` +
    `${meshFile}; TELEGRAM_API_ID and TELEGRAM_API_HASH replace it`
  );
}

function firstSteps({ mesh }: ReadyTable, meshFile: string): string[] {
  const pool = mesh.endpoints['session_pool'];
  if (!pool) return [];
  const named = meshFile === join('.telegate', 'mesh.json') ? '' : ` --mesh-file ${quoted(meshFile)}`;
  return [
    'Try it, in another terminal in this folder:',
    '',
    `  npx telegate lease${named}`,
    `  npx telegate status --watch${named}`,
    `  ${plainCall(meshFile, pool.grpc)}`,
    '',
    `A tour: npm run demo${named === '' ? '' : ` --${named}`}`,
  ];
}

function shown({ projectFolder }: ReadyTable, path: string): string {
  const below = relative(projectFolder, path);
  return below.startsWith(`..${sep}`) || below === '' ? path : below;
}

function quoted(path: string): string {
  return /^[\w./@%+,:-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

function postgresRow(table: ReadyTable): string {
  const { mesh, home, ephemeral } = table;
  if (mesh.postgres.kind === 'external') return `${placeOf(mesh.postgres.url)} (DATABASE_URL)`;
  return `embedded at ${new URL(mesh.postgres.url).host}, ${ephemeral ? 'data in a temporary folder' : `data in ${shown(table, home.postgres)}`}; DATABASE_URL replaces it`;
}

function eventsRow({ events }: MeshFile): string {
  if (events.kind === 'postgres')
    return 'through PostgreSQL; NATS_URL, or a nats-server on PATH, replaces that';
  const places = events.url.split(',').map((one) => new URL(one.trim()).host);
  return events.kind === 'nats-server'
    ? `nats-server of this machine at ${places.join(', ')}; NATS_URL replaces it`
    : `${places.join(', ')} (NATS_URL)`;
}

function keysRow(table: ReadyTable): string {
  return table.keysFile === undefined
    ? 'from TELEGATE_MASTER_KEY, TELEGATE_MESH_KEY and TELEGATE_OPERATOR_KEY'
    : `${shown(table, table.keysFile)} (mode 0600); TELEGATE_MASTER_KEY, TELEGATE_MESH_KEY and TELEGATE_OPERATOR_KEY replace them`;
}

/** Works as it stands with nothing but Node: the messages come from the server's reflection. */
function plainCall(meshFile: string, grpc: string): string {
  const readKey = `node -p "JSON.parse(fs.readFileSync(process.argv[1])).apiKey" ${quoted(meshFile)}`;
  return (
    `npx buf curl --http2-prior-knowledge --protocol grpc -H "x-api-key: $(${readKey})" ` +
    `http://${grpc}/telegate.session_pool.v1.SessionPoolService/GetPoolStatus`
  );
}
