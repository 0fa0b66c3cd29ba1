import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { basename, join } from 'node:path';

/** What the Dockerfile copies from the repository into its last stage. */
export function copiedPaths(dockerfile: string): { source: string; target: string }[] {
  const lastStage =
    readFileSync(dockerfile, 'utf8')
      .split(/^FROM /m)
      .at(-1) ?? '';
  return [...lastStage.matchAll(/^COPY (?!--from)(.+)$/gm)].flatMap(([, list]) => {
    const paths = (list ?? '').trim().split(/\s+/);
    const target = paths.pop() ?? '.';
    return paths.map((source) => ({
      source,
      target: target.endsWith('/') ? join(target, basename(source)) : target,
    }));
  });
}

/** A folder like the image's /app, with the installed packages linked into it. */
export function layOutImage(root: string, dockerfile: string, folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const { source, target } of copiedPaths(dockerfile)) {
    cpSync(join(root, source), join(folder, target), {
      recursive: true,
      filter: (path) => !path.endsWith('.test.ts') && basename(path) !== 'fixtures',
    });
  }
  if (!existsSync(join(folder, 'node_modules')))
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
}
