import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';

/** One thing to break: text in a module of the service, replaced while it is loaded. */
export interface Change {
  /** From services/. */
  readonly module: string;
  /** Must be there, or the control would break nothing and prove nothing. */
  readonly from: RegExp;
  readonly to: string;
}

const SERVICES = new URL('../../../services/', import.meta.url);

/** Runs a program with these changes in the modules of services/, and in memory alone. */
export async function runBroken(changes: readonly Change[], program: URL): Promise<void> {
  checkChanges(changes);
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      const mine = changes.filter(({ module }) => url === new URL(module, SERVICES).href);
      if (mine.length === 0) return loaded;
      let source = textOf(loaded.source);
      for (const { from, to } of mine) source = source.replace(from, to);
      return { ...loaded, source };
    },
  });
  await import(program.href);
}

/** Throws when the code has changed so that a control no longer fits it. */
export function checkChanges(changes: readonly Change[]): void {
  for (const { module, from } of changes) {
    const text = readFileSync(fileURLToPath(new URL(module, SERVICES)), 'utf8');
    if (!from.test(text))
      throw new Error(`services/${module} has nothing that ${String(from)} fits: adapt the control`);
  }
}

function textOf(source: unknown): string {
  return typeof source === 'string' ? source : Buffer.from(source as Uint8Array).toString('utf8');
}
