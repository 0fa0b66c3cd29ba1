import { expect, test } from 'vitest';
import type { CommentPlan } from '../model.ts';
import { planFaults } from './check.ts';

const empty: CommentPlan = { tone: '', language: '', prompt: '', templates: [] };

function faults(
  plan: Partial<CommentPlan>,
  known: { hasModel?: boolean; actions?: number } = {},
): Record<string, string> {
  const found = planFaults({ ...empty, ...plan }, 'campaign.comments', {
    hasModel: known.hasModel ?? true,
    actions: known.actions,
  });
  return Object.fromEntries(found.map(({ field, description }) => [field, description]));
}

test.each<Partial<CommentPlan>>([
  { prompt: 'Be kind.' },
  { prompt: 'Be kind.\nAnd short.', tone: 'questioning', language: 'pt-BR' },
  { prompt: 'Be kind.', language: 'zh-Hant' },
  { templates: ['{One|Two} at https://example.org'], tone: 'neutral' },
])('%j is a plan', (plan) => {
  expect(faults(plan, { actions: 2 })).toEqual({});
});

test('every fault is told at once, with what to do', () => {
  expect(faults({ tone: 'furious', language: 'Deutsch, bitte', prompt: ' ' })).toEqual({
    'campaign.comments.tone':
      'is not known; send one of positive, neutral, critical, questioning, or nothing for neutral',
    'campaign.comments.language': expect.stringContaining('no BCP 47 tag'),
    'campaign.comments.prompt': expect.stringContaining('say what comments are about, or send templates'),
  });
});

test.each<[string, Partial<CommentPlan>, string, string]>([
  ['nothing', {}, 'prompt', 'is empty'],
  [
    'a prompt of 100 kB',
    { prompt: 'x'.repeat(100_000) },
    'prompt',
    'has 100000 characters; send at most 4000',
  ],
  ['a prompt with a bell', { prompt: 'ring\u0007' }, 'prompt', 'has a control character'],
  ['both', { prompt: 'x', templates: ['y'] }, 'templates', 'are there beside a prompt'],
  [
    '51 templates',
    { templates: Array.from({ length: 51 }, () => 'x') },
    'templates',
    'are 51; send at most 50',
  ],
  ['a long one', { templates: ['ok', 'x'.repeat(1_001)] }, 'templates[1]', 'has 1001 characters'],
  ['an open brace', { templates: ['{a'] }, 'templates[0]', 'is not closed'],
  ['an empty one', { templates: [''] }, 'templates[0]', 'makes a text that is empty'],
  ['an empty variant', { templates: ['{a|}'] }, 'templates[0]', 'makes a text that is empty'],
  ['a control character', { templates: ['a{b|\u0000}'] }, 'templates[0]', 'makes a text that has a control'],
])('%s is refused', (_name, plan, field, description) => {
  expect(faults(plan)).toEqual({ [`campaign.comments.${field}`]: expect.stringContaining(description) });
});

test('without a model, a prompt is refused with what would have to be set', () => {
  expect(faults({ prompt: 'Be kind.' }, { hasModel: false })).toEqual({
    'campaign.comments.prompt': expect.stringMatching(
      /MODEL_BASE_URL and MODEL_NAME \(and MODEL_API_KEY .*Templates work without/,
    ),
  });
  expect(faults({ templates: ['Works'] }, { hasModel: false })).toEqual({});
});

test('fewer texts than comments are refused, counted as readers see them', () => {
  const plan = { templates: ['{One|Two|two!} {fish|birds}', 'Nothing'] };
  expect(faults(plan, { actions: 5 })).toEqual({});
  expect(faults(plan, { actions: 6 })).toEqual({
    'campaign.comments.templates': expect.stringContaining('have 5 texts that differ for 6 comments'),
  });
  // Posts that are still to come are not counted.
  expect(faults(plan)).toEqual({});
});
