import { inspect } from 'node:util';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseMaterial, renderMaterial } from './detect.ts';
import { SessionMalformed, SessionNotExpressible } from './errors.ts';
import * as gramjs from './gramjs-string.ts';
import { materialAtHost, materialAtIp, materialOfUser } from './material-arbitraries.ts';
import type { Material } from './material.ts';
import * as pyrogram from './pyrogram-string.ts';
import * as telethon from './telethon-string.ts';

/** The key of every fixture: 256 bytes 0, 1, 2 … 255; nobody's. */
const patternKey = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
const bytesOf = (text: string): Buffer => Buffer.from(text, 'latin1');

/** What it returned, or the SessionMalformed it threw; any other error is the test's failure. */
function attempt<T>(act: () => T): T | SessionMalformed {
  try {
    return act();
  } catch (error) {
    if (error instanceof SessionMalformed) return error;
    throw error;
  }
}

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

describe('round trips through the string that is detected', () => {
  test.each([
    ['telethon-string', materialAtIp],
    ['gramjs-string', materialAtHost],
    ['pyrogram-string', materialOfUser],
  ] as const)('%s', (format, materials) => {
    fc.assert(
      fc.property(materials, (material) => {
        expect(parseMaterial(renderMaterial(material, format))).toEqual({ format, material });
        expect(parseMaterial(renderMaterial(material, format), format)).toEqual({ format, material });
      }),
      { numRuns: 300 },
    );
  });
});

/**
 * GRAMJS_FIXTURE was made once by `telegram` 2.26.22:
 *   const session = new StringSession('');
 *   session.setDC(2, '149.154.167.51', 443);
 *   const key = new AuthKey(); await key.setKey(patternKey); session.setAuthKey(key, 2);
 *   session.save()
 */
const GRAMJS_FIXTURE =
  '1AgAOMTQ5LjE1NC4xNjcuNTEBuwABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj9AQUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVpbXF1eX2BhYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ent8fX5/gIGCg4SFhoeIiYqLjI2Oj5CRkpOUlZaXmJmam5ydnp+goaKjpKWmp6ipqqusra6vsLGys7S1tre4ubq7vL2+v8DBwsPExcbHyMnKy8zNzs/Q0dLT1NXW19jZ2tvc3d7f4OHi4+Tl5ufo6err7O3u7/Dx8vP09fb3+Pn6+/z9/v8=';

describe('GramJS', () => {
  const material: Material = {
    dataCenter: 2,
    authKey: patternKey,
    address: { host: '149.154.167.51', port: 443 },
  };

  test('reads what GramJS saved, and writes the same', () => {
    expect(parseMaterial(bytesOf(GRAMJS_FIXTURE))).toEqual({ format: 'gramjs-string', material });
    expect(textOf(gramjs.render(material))).toBe(GRAMJS_FIXTURE);
  });

  test('writes the usual address of a data centre where the session has none', () => {
    expect(textOf(gramjs.render({ dataCenter: 2, authKey: patternKey }))).toBe(GRAMJS_FIXTURE);
  });

  test('writes an address for a host name that speaks only WebSocket', () => {
    const web = { ...material, address: { host: 'venus.web.telegram.org', port: 443 } };
    expect(textOf(gramjs.render(web))).toBe(GRAMJS_FIXTURE);
  });

  test('keeps a port above 32767, which GramJS itself can not save', () => {
    const local = { ...material, address: { host: '127.0.0.1', port: 44_300 } };
    expect(gramjs.parse(gramjs.render(local))).toEqual(local);
  });
});

describe('Telethon', () => {
  test('an IPv6 string is told from a GramJS string of the same length', () => {
    const ipv6: Material = {
      dataCenter: 2,
      authKey: patternKey,
      address: { host: '2001:67c:4e8:f002::a', port: 443 },
    };
    const text = telethon.render(ipv6);
    expect(text.length).toBe(GRAMJS_FIXTURE.length);
    expect(parseMaterial(text)).toEqual({ format: 'telethon-string', material: ipv6 });
  });

  test('an IPv6 address whose first bytes could be the length of a GramJS address is Telethon all the same', () => {
    const material: Material = { dataCenter: 2, authKey: patternKey, address: { host: 'e::1', port: 443 } };
    expect(parseMaterial(telethon.render(material))).toEqual({ format: 'telethon-string', material });
  });

  test('a string without its padding is one that was cut, for Telethon too', () => {
    const text = textOf(telethon.render({ dataCenter: 2, authKey: patternKey }));
    expect(() => telethon.parse(bytesOf(text.slice(0, -1)))).toThrow(/padded/);
  });

  test('knows the test environment by its address', () => {
    const material = telethon.parse(telethon.render({ dataCenter: 2, authKey: patternKey, testMode: true }));
    expect(material).toMatchObject({ testMode: true, address: { host: '149.154.167.40', port: 443 } });
  });

  test('blanks around it and the other alphabet do not matter', () => {
    const material: Material = {
      dataCenter: 4,
      authKey: Buffer.alloc(256, 0xfb),
      address: { host: '149.154.167.91', port: 443 },
    };
    const text = textOf(telethon.render(material));
    expect(text).toMatch(/[-_].*=$/);
    for (const variant of [
      `  ${text}\r\n`,

      text.replaceAll('-', '+').replaceAll('_', '/'),
    ])
      expect(parseMaterial(bytesOf(variant))).toEqual({ format: 'telethon-string', material });
  });

  test('refuses to hold a host name, or a data centre of nobody knows where', () => {
    const named = { dataCenter: 2, authKey: patternKey, address: { host: 'local-telegram', port: 4430 } };
    expect(() => telethon.render(named)).toThrow(SessionNotExpressible);
    expect(() => telethon.render({ dataCenter: 77, authKey: patternKey })).toThrow(/data centre 77/);
  });
});

describe('Pyrogram', () => {
  const fields = { dataCenter: 4, testMode: false, isBot: true, userId: 4_000_000_000n, apiId: 94_575 };

  test('reads the two layouts from before it kept the API id', () => {
    const before = Buffer.concat([Buffer.of(4, 0), patternKey]);
    const userId64 = Buffer.alloc(9);
    userId64.writeBigUInt64BE(5_000_000_000n);
    userId64[8] = 1;
    const userId32 = Buffer.alloc(5);
    userId32.writeUInt32BE(4_000_000_000);
    userId32[4] = 1;
    const wide = Buffer.concat([before, userId64]).toString('base64url');
    const narrow = Buffer.concat([before, userId32]).toString('base64url');
    const { apiId: _, ...withoutApiId } = fields;
    expect([narrow.length, wide.length]).toEqual([351, 356]);
    expect(parseMaterial(bytesOf(narrow))).toEqual({
      format: 'pyrogram-string',
      material: { ...withoutApiId, authKey: patternKey },
    });
    expect(parseMaterial(bytesOf(wide))).toEqual({
      format: 'pyrogram-string',
      material: { ...withoutApiId, userId: 5_000_000_000n, authKey: patternKey },
    });
  });

  test('an unknown API id is written as 0 and read as absent', () => {
    const { apiId: _, ...withoutApiId } = fields;
    const material = { ...withoutApiId, authKey: patternKey };
    expect(pyrogram.parse(pyrogram.render(material))).toEqual(material);
  });

  test('needs the user id, without which Pyrogram would log in anew', () => {
    expect(() => pyrogram.render({ dataCenter: 2, authKey: patternKey })).toThrow(/id of the user/);
  });
});

describe('what is no session', () => {
  const anything = fc.oneof(
    fc.uint8Array({ maxLength: 600 }),
    fc.string({ maxLength: 500 }).map(bytesOf),
    fc.base64String({ minLength: 340, maxLength: 380 }).map(bytesOf),
    fc.base64String({ minLength: 340, maxLength: 380 }).map((text) => bytesOf(`1${text}`)),
    fc
      .uint8Array({ minLength: 263, maxLength: 280 })
      .map((bytes) => bytesOf(`1${Buffer.from(bytes).toString('base64')}`)),
    fc
      .uint8Array({ minLength: 263, maxLength: 271 })
      .map((bytes) => bytesOf(Buffer.from(bytes).toString('base64url'))),
  );

  test('random bytes are read or refused as malformed, and nothing else happens', () => {
    const formats = [undefined, 'gramjs-string', 'telethon-string', 'pyrogram-string'] as const;
    fc.assert(
      fc.property(anything, fc.constantFrom(...formats), (bytes, format) => {
        const outcome = attempt(() => parseMaterial(bytes, format));
        expect(outcome instanceof SessionMalformed || outcome.material.authKey.length === 256).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  test('every length of a cut string is refused', () => {
    for (let length = 0; length < GRAMJS_FIXTURE.length - 1; length++)
      expect(() => parseMaterial(bytesOf(GRAMJS_FIXTURE.slice(0, length)))).toThrow(SessionMalformed);
  });

  test.each([
    ['', undefined, /empty/],
    ['hello', undefined, /neither a string/],
    [GRAMJS_FIXTURE.slice(0, 340), undefined, /part of it is missing/],
    ['x'.repeat(5_000), undefined, /at most 4096/],
    [`2${GRAMJS_FIXTURE.slice(1)}`, 'gramjs-string', /does not begin with the version 1/],
    [`${GRAMJS_FIXTURE.slice(0, 50)}*${GRAMJS_FIXTURE.slice(51)}`, 'gramjs-string', /not base64/],
    [GRAMJS_FIXTURE, 'pyrogram-string', /275|276|bytes/],
  ] as const)('the error says what is wrong (%#)', (text, format, problem) => {
    expect(() => parseMaterial(bytesOf(text), format)).toThrow(problem);
  });

  test('a key of zeros is one that never logged in', () => {
    const payload = Buffer.concat([Buffer.of(2, 149, 154, 167, 51, 1, 187), Buffer.alloc(256)]);
    const act = (): unknown => parseMaterial(bytesOf(`1${payload.toString('base64')}`));
    expect(act).toThrow(
      expect.objectContaining({ format: 'telethon-string', metadata: { format: 'telethon-string' } }),
    );
    expect(act).toThrow(/nobody has logged in/);
  });

  test('no error shows any of the material', () => {
    const canary = Buffer.from('CANARY'.repeat(43)).subarray(0, 256);
    const good = textOf(gramjs.render({ dataCenter: 2, authKey: canary }));
    for (const text of [`${good}AAAA`, good.slice(0, -8), `1${good}`, `!${good}`, good.replace('1', '')])
      for (const format of [undefined, 'gramjs-string', 'telethon-string', 'pyrogram-string'] as const) {
        const error = attempt(() => parseMaterial(bytesOf(text), format));
        const shown = inspect(error, { depth: 10 });
        expect(error).toBeInstanceOf(SessionMalformed);
        expect(shown).not.toContain('CANARY');
        expect(shown).not.toContain(text.slice(60, 80));
      }
  });
});
