import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { renderMaterial } from '#lib/telegram/material/detect.ts';
import type { Material } from '#lib/telegram/material/material.ts';
import type { Logins } from './logins.ts';
import type { LoginRow } from './tables.ts';

const OWNER_ONLY = 0o600;

/** The session as a file of Telethon's, where files are wanted: its name, never part of it. */
export async function exportSession(
  { settings }: Pick<Logins, 'settings'>,
  { phone, login_id: loginId }: Pick<LoginRow, 'phone' | 'login_id'>,
  material: Material,
): Promise<string | undefined> {
  const { exportDir } = settings;
  if (exportDir === undefined) return undefined;
  const name = `${phone.replace(/\D/g, '') || String(material.userId)}.session`;
  // What a process that died left behind is written over.
  const draft = join(exportDir, `.${name}.${loginId}`);
  await rm(draft, { force: true });
  try {
    const file = await open(draft, 'wx', OWNER_ONLY);
    try {
      await file.writeFile(renderMaterial(material, 'telethon-file'));
      await file.sync();
    } finally {
      await file.close();
    }
    // Whoever reads the folder sees the whole file or none.
    await rename(draft, join(exportDir, name));
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
  return name;
}
