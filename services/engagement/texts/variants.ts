import { likeness } from './likeness.ts';
import { seededRandom } from './seeded-random.ts';
import type { Template } from './template.ts';

/** All variants of a campaign's templates, in an order that looks random and is the same on every process. */
export interface Variants {
  readonly total: bigint;
  /** The text in the place `turn`, from 0 to `total` - 1. Each variant has one place. */
  at(turn: bigint): string;
}

export function orderedVariants(templates: readonly Template[], seed: string): Variants {
  const total = templates.reduce((sum, { variants }) => sum + variants, 0n);
  const random = seededRandom(seed);
  const start = drawn(random, total);
  const stride = strideOf(random, total);
  return {
    total,
    at(turn) {
      let index = (start + turn * stride) % total;
      for (const template of templates) {
        if (index < template.variants) return template.render(index);
        index -= template.variants;
      }
      throw new Error(`no variant has the place ${turn}`);
    },
  };
}

/** Between a third and two thirds of the way round, so that neighbours differ, and prime to it, so that all are met. */
function strideOf(random: () => number, total: bigint): bigint {
  let stride = total / 3n + drawn(random, total / 3n + 1n);
  if (stride === 0n) stride = 1n;
  while (commonDivisor(stride, total) !== 1n) stride += 1n;
  return stride;
}

function commonDivisor(a: bigint, b: bigint): bigint {
  return b === 0n ? a : commonDivisor(b, a % b);
}

function drawn(random: () => number, below: bigint): bigint {
  let value = 0n;
  // Eight bits more than are needed, so that no number is much likelier than another.
  for (let bits = 0; bits < below.toString(2).length + 8; bits += 16)
    value = (value << 16n) | BigInt(Math.floor(random() * 65_536));
  return below === 0n ? 0n : value % below;
}

/** More variants than this beyond what is wanted are not looked at: so many alike are no choice. */
const LOOKED_AT_BEYOND = 20_000;

/** How many texts that differ there are, counted no further than `wanted`. */
export function countDistinct(variants: Variants, wanted: number): number {
  const seen = new Set<string>();
  const most = BigInt(wanted + LOOKED_AT_BEYOND);
  for (let turn = 0n; turn < variants.total && turn < most && seen.size < wanted; turn += 1n)
    seen.add(likeness(variants.at(turn)));
  return seen.size;
}
