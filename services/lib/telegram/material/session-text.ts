import { SessionMalformed } from './errors.ts';
import type { Material, MaterialFormat } from './material.ts';
import { faultOf } from './material.ts';

/** The longest session string, GramJS's with a host name, has under 500 characters. */
export const MAX_TEXT_BYTES = 4_096;

/** The characters of a session string without the blanks and the line break around it. */
export function textOf(bytes: Uint8Array, format?: MaterialFormat): string {
  if (bytes.length > MAX_TEXT_BYTES)
    throw new SessionMalformed(
      format,
      `it has ${bytes.length} bytes; a session string has at most ${MAX_TEXT_BYTES}`,
    );
  return Buffer.from(bytes).toString('latin1').trim();
}

/** The bytes of base64 in either alphabet, padded or not; undefined for anything else. */
export function fromBase64(text: string): Buffer | undefined {
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(text) || text.replace(/=+$/, '').length % 4 === 1) return undefined;
  return Buffer.from(text, 'base64');
}

export function checked(format: MaterialFormat, material: Material): Material {
  const fault = faultOf(material);
  if (fault !== undefined) throw new SessionMalformed(format, fault);
  return material;
}
