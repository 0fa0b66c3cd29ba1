import { readFile } from 'node:fs/promises';
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
