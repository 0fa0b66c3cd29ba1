import { duration, field, integer, optionalText, type Field } from '#lib/config/config.ts';
import { disclosureLine } from './disclosure.ts';

const baseUrl: Field<string | undefined> = field<string | undefined>('MODEL_BASE_URL', {
  doc: 'An OpenAI-compatible endpoint that writes comments, as https://api.openai.com/v1. Unset: comments come from templates alone.',
  defaultText: 'unset',
  read: (raw) => {
    const url = URL.parse(raw.trim());
    if (!url || !/^https?:$/.test(url.protocol))
      throw new Error('must be a URL like https://api.openai.com/v1');
    if (url.username !== '' || url.password !== '')
      throw new Error('has a user or a password in it; give the key as MODEL_API_KEY');
    if (url.search !== '' || url.hash !== '') throw new Error('has a ? or # part; give the address alone');
    return url.href.replace(/\/$/, '');
  },
  unset: () => undefined,
});

/** What this folder reads of the environment; part of the service's configuration. */
export const textFields = {
  disclosureLine,
  modelBaseUrl: baseUrl,
  modelName: optionalText('MODEL_NAME', {
    doc: 'The model to ask at MODEL_BASE_URL; needed with it.',
    maxLength: 200,
  }),
  modelApiKey: optionalText('MODEL_API_KEY', {
    doc: 'The key for MODEL_BASE_URL. Unset: none is sent.',
    secret: true,
    maxLength: 1_000,
  }),
  modelTimeout: duration('MODEL_TIMEOUT', {
    doc: 'How long the model has for one answer.',
    default: '30s',
    min: '100ms',
    max: '5m',
  }),
  modelRetries: integer('MODEL_RETRIES', {
    doc: 'How often a call that failed is made again before the comment is put off.',
    default: 2,
    min: 0,
    max: 10,
  }),
  modelConcurrency: integer('MODEL_CONCURRENCY', {
    doc: 'How many calls of the model this process has open at the same time.',
    default: 4,
    min: 1,
    max: 100,
  }),
  modelAnswerTokens: integer('MODEL_ANSWER_TOKENS', {
    doc: 'The most tokens that one answer may take. Models that reason need more.',
    default: 1_000,
    min: 50,
    max: 100_000,
  }),
  modelDailyTokens: integer('MODEL_DAILY_TOKENS', {
    doc: 'The most tokens a day (UTC), prompts included, of all campaigns and processes together. Then comments wait for the next day.',
    default: 2_000_000,
    min: 1,
    max: 1_000_000_000_000,
  }),
  modelCampaignDailyTokens: integer('MODEL_CAMPAIGN_DAILY_TOKENS', {
    doc: 'The most tokens a day (UTC) of one campaign.',
    default: 500_000,
    min: 1,
    max: 1_000_000_000_000,
  }),
};
