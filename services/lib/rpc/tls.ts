import { readFile } from 'node:fs/promises';
import type { ClientTls } from './client.ts';
import type { ServerTls } from './server.ts';

export interface TlsFiles {
  tlsCertFile: string | undefined;
  tlsKeyFile: string | undefined;
  tlsClientCaFile: string | undefined;
}

/** None when no file is configured. Half a configuration is a fault, never a server without TLS. */
export async function readTls(files: TlsFiles): Promise<ServerTls | undefined> {
  const { tlsCertFile, tlsKeyFile, tlsClientCaFile } = files;
  if (tlsCertFile === undefined && tlsKeyFile === undefined && tlsClientCaFile === undefined)
    return undefined;
  if (tlsCertFile === undefined)
    throw new Error('TLS_CERT_FILE is missing beside the other TLS variables; set it too');
  if (tlsKeyFile === undefined) throw new Error('TLS_KEY_FILE is missing beside TLS_CERT_FILE; set it too');
  return {
    cert: await readPem('TLS_CERT_FILE', tlsCertFile),
    key: await readPem('TLS_KEY_FILE', tlsKeyFile),
    ...(tlsClientCaFile === undefined
      ? {}
      : { clientCa: await readPem('TLS_CLIENT_CA_FILE', tlsClientCaFile) }),
  };
}

export interface MeshTlsFiles {
  meshCaFile: string | undefined;
  meshCertFile: string | undefined;
  meshKeyFile: string | undefined;
}

/** What the other services are called with; none where they are called without TLS. */
export async function readMeshTls(files: MeshTlsFiles): Promise<ClientTls | undefined> {
  const { meshCaFile, meshCertFile, meshKeyFile } = files;
  if ((meshCertFile === undefined) !== (meshKeyFile === undefined))
    throw new Error('MESH_CERT_FILE and MESH_KEY_FILE belong together: set both or none');
  if (meshCaFile === undefined) {
    if (meshCertFile !== undefined) throw new Error('MESH_CERT_FILE is of use only with MESH_CA_FILE');
    return undefined;
  }
  return {
    ca: await readPem('MESH_CA_FILE', meshCaFile),
    ...(meshCertFile === undefined ? {} : { cert: await readPem('MESH_CERT_FILE', meshCertFile) }),
    ...(meshKeyFile === undefined ? {} : { key: await readPem('MESH_KEY_FILE', meshKeyFile) }),
  };
}

async function readPem(variable: string, file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Error(`the file of ${variable} can not be read (${code ?? 'unknown fault'}); check the path`, {
      cause: error,
    });
  }
}
