import { expect, test } from 'vitest';
import { TextFormat } from '#gen/telegate/messaging/v1/messaging_pb.ts';
import type { FieldViolation } from '#lib/rpc/errors.ts';
import { entitiesOf, LONGEST_TEXT, readText } from './entities.ts';
import type { FormattedText } from './formatted.ts';
import { parseHtml } from './html.ts';
import { parseMarkdown } from './markdown.ts';

/** Each stretch as its kind and what it covers. */
function shown({ text, stretches }: FormattedText): [string, ...string[]] {
  return [
    text,
    ...stretches.map(({ offset, length, style }) => `${style.kind} ${text.slice(offset, offset + length)}`),
  ];
}

test.each([
  ['plain', ['plain']],
  ['**a** b', ['a b', 'bold a']],
  ['**a __b__ c**', ['a b c', 'italic b', 'bold a b c']],
  ['🌵 **🌵🌵** x', ['🌵 🌵🌵 x', 'bold 🌵🌵']],
  ['**a', ['**a']],
  ['****', ['****']],
  ['**a __b** c__', ['a __b c__', 'bold a __b']],
  ['`**a**` ||b||', ['**a** b', 'code **a**', 'spoiler b']],
  ['```js\nlet a;\n```', ['let a;\n', 'pre let a;\n']],
  ['[a **b**](https://x.y/z_(1)', ['a b', 'bold b', 'link a b']],
  ['[a](b c)', ['[a](b c)']],
  ['[[a](http://b)', ['[a', 'link a']],
  ['\\*\\*a\\*\\*', ['**a**']],
  ['~~a~~__b__', ['ab', 'strike a', 'italic b']],
  ['``', ['``']],
])('Markdown %s', (source, wanted) => {
  expect(shown(parseMarkdown(source))).toEqual(wanted);
});

test.each([
  ['<b>a</b> b', ['a b', 'bold a']],
  ['<b>a <i>b</i></b>', ['a b', 'italic b', 'bold a b']],
  ['<b>a<i>b</b>c</i>', ['abc', 'italic b', 'bold ab']],
  ['<b>a', ['a', 'bold a']],
  ['a</b>', ['a']],
  ['1 < 2 & <x>3</x>', ['1 < 2 & <x>3</x>']],
  ['&lt;b&gt; &#128512; &#x1F600; &bogus; &#0;', ['<b> 😀 😀 &bogus; &#0;']],
  ['<a href="https://x.y/?a=1&amp;b=2">🌵</a>', ['🌵', 'link 🌵']],
  ['<a>https://x.y</a>', ['https://x.y', 'link https://x.y']],
  ['<pre><code class="language-go">x</code></pre>', ['x', 'pre x', 'pre x']],
  ['<span class="tg-spoiler">a</span><tg-spoiler>b</tg-spoiler>', ['ab', 'spoiler a', 'spoiler b']],
  ['<blockquote expandable>a</blockquote><br>b', ['a\nb', 'quote a']],
  ['<tg-emoji emoji-id="5">👍</tg-emoji>', ['👍', 'emoji 👍']],
])('HTML %s', (source, wanted) => {
  expect(shown(parseHtml(source))).toEqual(wanted);
});

test('where a link goes', () => {
  expect(parseMarkdown('[a](https://x.y)').stretches[0]!.style).toEqual({ kind: 'link', url: 'https://x.y' });
  expect(parseHtml('<a href="https://x.y/?a=1&amp;b=2">🌵</a>').stretches[0]!.style).toEqual({
    kind: 'link',
    url: 'https://x.y/?a=1&b=2',
  });
});

const MARKDOWN = [
  '**',
  '__',
  '~~',
  '||',
  '`',
  '```',
  '[',
  ']',
  '(',
  ')',
  '](http://a)',
  '\\',
  '*',
  '\n',
  ' ',
];
const HTML = [
  '<b>',
  '</b>',
  '<i>',
  '</i>',
  '<a href="u">',
  '</a>',
  '<pre>',
  '<',
  '>',
  '&',
  '&lt;',
  '&#1;',
  '"',
  '\n',
];
const LETTERS = ['a', 'é', '🌵', '👨‍👩‍👧', ' ', 'x'];

/** The same every time. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

test.each([
  ['Markdown', parseMarkdown, MARKDOWN],
  ['HTML', parseHtml, HTML],
] as const)(
  'any %s has a meaning: stretches lie in the text, between characters, and nest',
  (_, parse, marks) => {
    const random = randomOf(7);
    const pick = (list: readonly string[]): string => list[Math.floor(random() * list.length)]!;
    for (let round = 0; round < 4_000; round += 1) {
      const length = 1 + Math.floor(random() * 14);
      const source = Array.from({ length }, () => pick(random() < 0.6 ? marks : LETTERS)).join('');
      const { text, stretches } = parse(source);
      expect(text.isWellFormed()).toBe(true);
      for (const { offset, length: size } of stretches) {
        expect(offset).toBeGreaterThanOrEqual(0);
        expect(size).toBeGreaterThan(0);
        expect(offset + size).toBeLessThanOrEqual(text.length);
        expect(text.slice(offset, offset + size).isWellFormed()).toBe(true);
      }
      for (const one of stretches) for (const two of stretches) expect(crosses(one, two)).toBe(false);
      // Letters are never lost, but in the address of a link and the attributes of a tag.
      if (/\(|<[a-z]+\s/.test(source)) continue;
      for (const letter of ['🌵', 'é', '👨‍👩‍👧'])
        expect(text.split(letter).length).toBe(source.split(letter).length);
    }
  },
);

function crosses(one: { offset: number; length: number }, two: { offset: number; length: number }): boolean {
  const [a, b] = [one.offset + one.length, two.offset + two.length];
  return one.offset < two.offset && two.offset < a && a < b;
}

test('what was marked up from stretches comes back as them', () => {
  const random = randomOf(3);
  const words = ['one', '🌵', 'two words', 'é'];
  const wraps = [
    ['**', '**', 'bold'],
    ['__', '__', 'italic'],
    ['~~', '~~', 'strike'],
    ['||', '||', 'spoiler'],
  ] as const;
  for (let round = 0; round < 500; round += 1) {
    let source = '';
    const wanted: string[] = [];
    for (let part = 0; part < 4; part += 1) {
      const word = words[Math.floor(random() * words.length)]!;
      const [before, after, kind] = wraps[Math.floor(random() * wraps.length)]!;
      source += `${before}${word}${after} `;
      wanted.push(`${kind} ${word}`);
    }
    expect(shown(parseMarkdown(source)).slice(1)).toEqual(wanted);
  }
});

test.each(['*', '**', '`', '[', '[](', '<b>', '<', '&', '](', '__**', '\\'])(
  'a text of %s alone takes no long time',
  (mark) => {
    const source = mark.repeat(Math.floor(30_000 / mark.length));
    const before = performance.now();
    parseMarkdown(source);
    parseHtml(source);
    expect(performance.now() - before).toBeLessThan(500);
  },
);

function read(source: string, format: TextFormat = TextFormat.PLAIN, longest = LONGEST_TEXT) {
  const violations: FieldViolation[] = [];
  const text = readText(violations, 'text', source, { format, longest });
  return { text, violations };
}

test('the limit counts what is shown, in UTF-16 units, after blanks at the ends are gone', () => {
  expect(read('a'.repeat(4_096)).violations).toEqual([]);
  expect(read('a'.repeat(4_097)).violations[0]!.description).toContain('4097');
  expect(read('🌵'.repeat(2_048)).violations).toEqual([]);
  expect(read(`${'🌵'.repeat(2_048)}a`).violations).toHaveLength(1);
  expect(read(`**${'a'.repeat(4_096)}**`, TextFormat.MARKDOWN).violations).toEqual([]);
  expect(read(`  ${'a'.repeat(4_096)}\r\n`).violations).toEqual([]);
  expect(read(' \n ').violations[0]!.description).toContain('nothing to show');
  expect(read('** **', TextFormat.MARKDOWN).violations).toHaveLength(1);
  expect(read('a\ud800').violations).toHaveLength(1);
  expect(read('a'.repeat(100_000)).violations).toHaveLength(1);
});

test('stretches move along when blanks are cut off', () => {
  const { text } = read('  **a ** b', TextFormat.MARKDOWN);
  expect(shown(text)).toEqual(['a  b', 'bold a ']);
  expect(entitiesOf(text)).toMatchObject([{ className: 'MessageEntityBold', offset: 0, length: 2 }]);
  expect(entitiesOf(read('plain').text)).toBeUndefined();
});
