import { isAbsolute, relative } from 'node:path';
import { placeOf } from './external-database.ts';
import type { MeshFile } from './mesh-file.ts';

export interface ReadyTable {
  mesh: MeshFile;
  meshFile: string;
  keysFile: string | undefined;
  folder: string;
  ephemeral: boolean;
  totalMs: number;
}

/** What is printed when everything runs. The key itself is only in the file. */
export function readyTable(table: ReadyTable): string {
  const { mesh } = table;
  const rows: [string, string][] = [];
  for (const [service, { grpc, admin }] of Object.entries(mesh.endpoints)) {
    rows.push([service.replaceAll('_', '-'), `gRPC ${grpc}   admin ${admin} (/readyz /metrics)`]);
  }
  rows.push(['PostgreSQL', postgresRow(table)], ['events', eventsRow(mesh)]);
  rows.push(['keys', keysRow(table)]);
  rows.push(['API key', `"apiKey" in ${table.meshFile} (mode 0600, gone when the mesh stops)`]);
  const width = Math.max(...rows.map(([name]) => name.length));
  const session = mesh.endpoints['session_pool'];
  return [
    `TeleGate is ready after ${(table.totalMs / 1_000).toFixed(1)} s.`,
    '',
    ...rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`),
    '',
    ...(session
      ? ['Try it, in another terminal in this folder:', '', `  ${firstCommand(table, session.grpc)}`, '']
      : []),
    ...(session
      ? [
          `A tour: npm run demo${table.ephemeral || !isDefault(table) ? ` -- --mesh-file ${table.meshFile}` : ''}`,
        ]
      : []),
    table.ephemeral
      ? 'Ctrl-C stops everything and deletes the data.'
      : 'Ctrl-C stops everything and keeps the data; npm start -- --fresh starts from nothing.',
    '',
  ].join('\n');
}

function isDefault(table: ReadyTable): boolean {
  return (
    table.meshFile.endsWith('.telegate/mesh.json') && !isAbsolute(relative(process.cwd(), table.meshFile))
  );
}

function postgresRow({ mesh, folder, ephemeral }: ReadyTable): string {
  if (mesh.postgres.kind === 'external') return `${placeOf(mesh.postgres.url)} (DATABASE_URL)`;
  return `embedded at ${new URL(mesh.postgres.url).host}, ${ephemeral ? 'data in a temporary folder' : `data in ${folder}`}; DATABASE_URL replaces it`;
}

function eventsRow({ events }: MeshFile): string {
  if (events.kind === 'postgres')
    return 'through PostgreSQL; NATS_URL, or a nats-server on PATH, replaces that';
  const places = events.url.split(',').map((one) => new URL(one.trim()).host);
  return events.kind === 'nats-server'
    ? `nats-server of this machine at ${places.join(', ')}; NATS_URL replaces it`
    : `${places.join(', ')} (NATS_URL)`;
}

function keysRow({ keysFile }: ReadyTable): string {
  return keysFile === undefined
    ? 'from TELEGATE_MASTER_KEY, TELEGATE_MESH_KEY and TELEGATE_OPERATOR_KEY'
    : `${keysFile} (mode 0600); TELEGATE_MASTER_KEY, TELEGATE_MESH_KEY and TELEGATE_OPERATOR_KEY replace them`;
}

/** Works as it stands with nothing but Node: the messages come from the server's reflection. */
export function firstCommand(table: Pick<ReadyTable, 'meshFile'>, grpc: string): string {
  const path = isAbsolute(table.meshFile) ? table.meshFile : `./${table.meshFile}`;
  return (
    'npx buf curl --http2-prior-knowledge --protocol grpc ' +
    `-H "x-api-key: $(node -p "require('${path}').apiKey")" ` +
    `http://${grpc}/telegate.session_pool.v1.SessionPoolService/GetPoolStatus`
  );
}
