import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Certificate {
  cert: Buffer;
  key: Buffer;
}

export interface Authority {
  readonly ca: Buffer;
  /** A certificate of this authority for a server on this machine, or for a client. */
  issue(commonName: string): Certificate;
}

/** Node can read certificates but not make them. */
export function opensslIsThere(): boolean {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const EC_KEY = '-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes';

export function createAuthority(commonName: string): Authority {
  return inFolder((folder) => {
    const [caFile, caKeyFile] = [join(folder, 'ca.pem'), join(folder, 'ca.key')];
    openssl(`req -x509 ${EC_KEY} -days 2`, {
      '-subj': `/CN=${commonName}`,
      '-keyout': caKeyFile,
      '-out': caFile,
    });
    const [ca, caKey] = [readFileSync(caFile), readFileSync(caKeyFile)];
    return { ca, issue: (name) => issue({ cert: ca, key: caKey }, name) };
  });
}

function issue(authority: Certificate, commonName: string): Certificate {
  return inFolder((folder) => {
    const file = (name: string): string => join(folder, name);
    writeFileSync(file('ca.pem'), authority.cert);
    writeFileSync(file('ca.key'), authority.key, { mode: 0o600 });
    writeFileSync(file('names'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
    openssl(`req ${EC_KEY}`, {
      '-subj': `/CN=${commonName}`,
      '-keyout': file('key.pem'),
      '-out': file('request.pem'),
    });
    openssl('x509 -req -days 2 -CAcreateserial', {
      '-in': file('request.pem'),
      '-extfile': file('names'),
      '-CA': file('ca.pem'),
      '-CAkey': file('ca.key'),
      '-out': file('cert.pem'),
    });
    return { cert: readFileSync(file('cert.pem')), key: readFileSync(file('key.pem')) };
  });
}

function openssl(command: string, files: Record<string, string>): void {
  const parameters = [...command.split(' '), ...Object.entries(files).flat()];
  execFileSync('openssl', parameters, { stdio: ['ignore', 'ignore', 'pipe'] });
}

function inFolder<T>(body: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'telegate-certificates-'));
  try {
    return body(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
