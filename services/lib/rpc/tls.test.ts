import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  createAuthority,
  opensslIsThere,
  type Authority,
  type Certificate,
} from '../../../tests/support/certificates.ts';
import { connectTo, refusal, startServer } from '../../../tests/support/echo/harness.ts';
import { readTls } from './tls.ts';

const NO_FILES = { tlsCertFile: undefined, tlsKeyFile: undefined, tlsClientCaFile: undefined };

describe.skipIf(!opensslIsThere())(
  'with certificates (made by openssl, which is on every CI machine)',
  () => {
    let authority: Authority;
    let stranger: Authority;
    let server: Certificate;
    let client: Certificate;
    let folder: string;
    beforeAll(async () => {
      authority = createAuthority('mesh');
      stranger = createAuthority('stranger');
      server = authority.issue('server');
      client = authority.issue('client');
      folder = await mkdtemp(join(tmpdir(), 'telegate-tls-'));
    });
    afterAll(() => rm(folder, { recursive: true }));

    const patience = { deadlineMs: 3_000 };

    /** As main.ts reads it: from files. */
    async function tlsFromFiles({ mutual }: { mutual: boolean }) {
      const fileOf = async (name: string, content: Buffer): Promise<string> => {
        await writeFile(join(folder, name), content);
        return join(folder, name);
      };
      return readTls({
        tlsCertFile: await fileOf('cert.pem', server.cert),
        tlsKeyFile: await fileOf('key.pem', server.key),
        tlsClientCaFile: mutual ? await fileOf('ca.pem', authority.ca) : undefined,
      });
    }

    test('a server with a certificate is believed by those who know its authority, and by no others', async () => {
      const running = await startServer({ tls: await tlsFromFiles({ mutual: false }) });
      const knowing = connectTo(running, { tls: { ca: authority.ca } });
      await expect(knowing.echo({ text: 'sealed' }, patience)).resolves.toMatchObject({ text: 'sealed' });
      for (const tls of [{ ca: stranger.ca }, {}, undefined]) {
        const answer = await refusal(connectTo(running, { tls }).echo({}, patience));
        expect([status.UNAVAILABLE, status.DEADLINE_EXCEEDED]).toContain(answer.code);
      }
    });

    test('a certificate that names another host is not believed', async () => {
      const running = await startServer({ tls: await tlsFromFiles({ mutual: false }) });
      const [, port] = running.address.split(':');
      const byName = connectTo(running, { address: `localhost:${port}`, tls: { ca: authority.ca } });
      await expect(byName.echo({}, patience)).resolves.toBeDefined();
      const byOtherIp = connectTo(running, { address: `127.0.0.2:${port}`, tls: { ca: authority.ca } });
      const answer = await refusal(byOtherIp.echo({}, patience));
      expect([status.UNAVAILABLE, status.DEADLINE_EXCEEDED]).toContain(answer.code);
    });

    test('a server that knows an authority of clients serves those alone who show its certificate', async () => {
      const running = await startServer({ tls: await tlsFromFiles({ mutual: true }) });
      const known = connectTo(running, { tls: { ca: authority.ca, ...client } });
      await expect(known.echo({ text: 'known' }, patience)).resolves.toMatchObject({ text: 'known' });
      for (const own of [{}, stranger.issue('client')]) {
        const unknown = connectTo(running, { tls: { ca: authority.ca, ...own } });
        const answer = await refusal(unknown.echo({}, patience));
        expect([status.UNAVAILABLE, status.DEADLINE_EXCEEDED]).toContain(answer.code);
      }
      await expect(known.echo({ text: 'still' }, patience)).resolves.toMatchObject({ text: 'still' });
    });

    test('a certificate does not replace credentials', async () => {
      const running = await startServer({ tls: await tlsFromFiles({ mutual: true }) });
      const nobody = connectTo(running, { tls: { ca: authority.ca, ...client }, apiKey: 'wrong' });
      expect(await refusal(nobody.echo({}, patience))).toMatchObject({ code: status.UNAUTHENTICATED });
    });
  },
);

test('no file is no TLS; half a configuration and a file that is not there are faults with a remedy', async () => {
  expect(await readTls(NO_FILES)).toBeUndefined();
  const file = '/no/such/file.pem';
  await expect(readTls({ ...NO_FILES, tlsCertFile: file })).rejects.toThrow('TLS_KEY_FILE is missing');
  await expect(readTls({ ...NO_FILES, tlsKeyFile: file })).rejects.toThrow('TLS_CERT_FILE is missing');
  await expect(readTls({ ...NO_FILES, tlsClientCaFile: file })).rejects.toThrow('TLS_CERT_FILE is missing');
  await expect(readTls({ ...NO_FILES, tlsCertFile: file, tlsKeyFile: file })).rejects.toThrow(
    'the file of TLS_CERT_FILE can not be read (ENOENT)',
  );
});
