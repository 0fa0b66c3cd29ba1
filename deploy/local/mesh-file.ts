import { readFileSync } from 'node:fs';
import { errorCode } from './failure.ts';
import { writePrivateFile } from './home.ts';

/** What a caller on this machine needs to know; the file is its owner's alone and gone when the mesh is. */
export interface MeshFile {
  version: 1;
  pid: number;
  startedTime: string;
  endpoints: { [service: string]: { grpc: string; admin: string } };
  postgres: { kind: 'embedded' | 'external'; url: string };
  events: { kind: 'nats-server' | 'external nats' | 'postgres'; url: string };
  /** The Telegram that accounts belong to; a local one with where to connect and which key to trust. */
  telegram?: MeshTelegram;
  /** Session files here join the pool. */
  sessionsDir: string;
  apiKey: string;
  tenant: string;
}

export type MeshTelegram =
  | { kind: 'telegram' }
  | {
      kind: 'local';
      /** The environment that its sessions belong to. */
      environment: string;
      dataCenters: { id: number; host: string; port: number }[];
      defaultDataCenter: number;
      /** PEM, PKCS #1. */
      publicKey: string;
      fingerprint: string;
    };

export function writeMeshFile(path: string, mesh: MeshFile): void {
  writePrivateFile(path, `${JSON.stringify(mesh, undefined, 2)}\n`);
}

/** Undefined when no mesh has written it. */
export function readMeshFile(path: string): MeshFile | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as MeshFile;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
