import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseMaterial, parseMaterialFile, renderMaterial } from './detect.ts';
import { authKeyId } from './fingerprint.ts';
import type { Material } from './material.ts';

/**
 * What Telethon and Pyrogram themselves write and read, by tests/python/session_formats.py. Needs a python with
 * tests/python/requirements-sessions.txt: `python3`, or the one that TELEGATE_PYTHON names.
 */
const python = process.env['TELEGATE_PYTHON'] ?? 'python3';
const script = join(import.meta.dirname, '../../../../tests/python/session_formats.py');
const probe = spawnSync(python, ['-c', 'import telethon, pyrogram'], { encoding: 'utf8', timeout: 30_000 });
const missing =
  probe.status === 0
    ? undefined
    : (probe.error?.message ?? probe.stderr.trim().split('\n').at(-1) ?? 'it failed');

let folder: string;

function ask(request: Record<string, unknown>): unknown {
  const { status, stdout, stderr } = spawnSync(python, [script], {
    input: JSON.stringify({ folder, ...request }),
    encoding: 'utf8',
    timeout: 30_000,
  });
  if (status !== 0) throw new Error(`session_formats.py: ${stderr}`);
  return JSON.parse(stdout);
}

/** Bytes 255, 254 … 0: nobody's key, and one whose base64 has letters of both alphabets. */
const authKey = Buffer.from(Array.from({ length: 256 }, (_, index) => 255 - index));
const host = '149.154.167.91';
const ipv6 = '2001:67c:4e8:f004::a';
const account = {
  dataCenter: 4,
  authKey,
  userId: 6_123_456_789n,
  apiId: 94_575,
  testMode: false,
  isBot: false,
};
const session = {
  dc: 4,
  host,
  ipv6,
  port: 443,
  key: authKey.toString('hex'),
  user_id: 6_123_456_789,
  api_id: 94_575,
  test_mode: false,
  is_bot: false,
};
const bytesOf = (text: string): Buffer => Buffer.from(text, 'latin1');
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

const reason =
  missing === undefined ? '' : ` (skipped: ${python}: ${missing}; see requirements-sessions.txt)`;

describe.skipIf(missing !== undefined)(`Telethon and Pyrogram${reason}`, () => {
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'telegate-foreign-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('what they write is read, and the strings are written alike byte for byte', () => {
    const written = ask({ action: 'write', session }) as Record<string, string>;
    const telethon: Material = { dataCenter: 4, authKey, address: { host, port: 443 } };
    const telethonIpv6: Material = { dataCenter: 4, authKey, address: { host: ipv6, port: 443 } };
    const strings = [
      ['telethon-string', written['telethon_string']!, telethon],
      ['telethon-string', written['telethon_string_ipv6']!, telethonIpv6],
      ['pyrogram-string', written['pyrogram_string']!, account],
    ] as const;
    for (const [format, text, material] of strings) {
      expect(parseMaterial(bytesOf(text))).toEqual({ format, material });
      expect(textOf(renderMaterial(material, format))).toBe(text);
    }
    const files = [
      ['telethon-file', 'telethon.session', { ...telethon, userId: account.userId }],
      ['pyrogram-file', 'pyrogram.session', account],
    ] as const;
    for (const [format, name, material] of files) {
      expect(parseMaterial(readFileSync(join(folder, name)))).toEqual({ format, material });
      expect(parseMaterialFile(join(folder, name))).toEqual({ format, material });
    }
    expect(String(authKeyId(authKey))).toBe(written['auth_key_id']);
  });

  test.each([
    ['IPv4', host],
    ['IPv6', ipv6],
  ])('what is written here they read: %s', (_, at) => {
    const material: Material = { ...account, isBot: true, address: { host: at, port: 443 } };
    const file = join(folder, `rendered-${at.length}.session`);
    writeFileSync(file, renderMaterial(material, 'telethon-file'));
    const telethonString = textOf(renderMaterial(material, 'telethon-string'));
    const pyrogramString = textOf(renderMaterial(material, 'pyrogram-string'));
    const { key, user_id, dc, api_id, test_mode, port } = session;
    expect(
      ask({
        action: 'read',
        telethon_string: telethonString,
        telethon_file: file,
        pyrogram_string: pyrogramString,
      }),
    ).toEqual({
      telethon_string: { dc, host: at, port, key },
      telethon_string_again: telethonString,
      telethon_file: { dc, host: at, port, key, user_id, takeout_id: null },
      pyrogram_string: { dc, api_id, test_mode, key, user_id, is_bot: true },
      pyrogram_string_again: pyrogramString,
    });
    // Telethon has raised the file to its own schema and put more into it.
    expect(parseMaterial(readFileSync(file)).material).toEqual({
      dataCenter: 4,
      authKey,
      userId: account.userId,
      address: { host: at, port: 443 },
    });
  });
});
