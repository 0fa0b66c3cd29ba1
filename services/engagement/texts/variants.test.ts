import { expect, test } from 'vitest';
import { likeness } from './likeness.ts';
import { parseTemplate } from './template.ts';
import { countDistinct, orderedVariants } from './variants.ts';

const templates = ['{a|b|c} {d|e}', 'f', '{g|h}'].map(parseTemplate);
const inOrder = (seed: string): string[] => {
  const variants = orderedVariants(templates, seed);
  return Array.from({ length: Number(variants.total) }, (_, turn) => variants.at(BigInt(turn)));
};

test('each variant has one place, in an order of the seed', () => {
  const everything = ['a d', 'a e', 'b d', 'b e', 'c d', 'c e', 'f', 'g', 'h'];
  const seeds = Array.from({ length: 200 }, (_, index) => `seed ${index}`);
  const orders = seeds.map(inOrder);
  for (const order of orders) expect(order.toSorted()).toEqual(everything);
  expect(inOrder('seed 1')).toEqual(orders[1]);
  // Every variant is the first of some campaign.
  expect(new Set(orders.map(([first]) => first)).size).toBe(everything.length);
});

test.each([1, 2, 3, 4, 5, 6, 7, 12, 30, 97])('%d variants are all met', (count) => {
  const template = parseTemplate(
    count === 1 ? 'v0' : `{${Array.from({ length: count }, (_, index) => `v${index}`).join('|')}}`,
  );
  const variants = orderedVariants([template], `seed ${count}`);
  const met = new Set(Array.from({ length: count }, (_, turn) => variants.at(BigInt(turn))));
  expect(met.size).toBe(count);
});

test('what differs only in case, blanks or punctuation is the same text', () => {
  expect(likeness('Well  done!')).toBe(likeness('well done…'));
  expect(likeness('Ｗell done')).toBe(likeness('well done'));
  expect(likeness('👍')).not.toBe(likeness('👎'));
  expect(likeness('größer')).not.toBe(likeness('grosser'));
});

test('variants are counted as readers see them, no further than asked', () => {
  const count = (source: string, wanted: number): number =>
    countDistinct(orderedVariants([parseTemplate(source)], 'x'), wanted);
  expect(count('{Well|well} done{|!|.}', 10)).toBe(1);
  expect(count('{a|b|c} {d|e}', 10)).toBe(6);
  expect(count('{a|b}'.repeat(200), 500)).toBe(500);
});

test('variants beyond number that are all alike are not looked at for ever', () => {
  expect(countDistinct(orderedVariants([parseTemplate('{,|.}'.repeat(200))], 'x'), 5)).toBeLessThan(2_000);
});
