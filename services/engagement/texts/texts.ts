import { randomBytes } from 'node:crypto';
import type { Clock } from '#lib/lifecycle/clock.ts';
import type { FieldViolation } from '#lib/rpc/errors.ts';
import type { CommentPlan } from '../model.ts';
import type { EngagementDatabase } from '../tables.ts';
import { createMeter, type Budgets } from './budget.ts';
import { planFaults } from './check.ts';
import { answerFault, LONGEST_COMMENT, textFault, tidied } from './content.ts';
import { disclosed, type DisclosedText } from './disclosure.ts';
import { NoModel, NoText, OnlyNonsense, VariantsSpent } from './errors.ts';
import { likeness } from './likeness.ts';
import { createModel, type Model, type ModelMessage, type ModelSettings } from './model.ts';
import { messagesFor, TONES, type Tone } from './prompt.ts';
import { keepNextVariant, keepText, textOf, textsOf, type TextOwner } from './store.ts';
import { parseTemplate } from './template.ts';
import { orderedVariants, type Variants } from './variants.ts';

export interface TextSettings {
  readonly disclosureLine: string;
  /** Undefined: no model is configured. */
  readonly model: ModelSettings | undefined;
  readonly budgets: Budgets;
}

export interface Post {
  readonly channelTitle: string;
  readonly text: string;
}

/** A comment to be written: whose, for what. */
export interface TextWish extends TextOwner {
  readonly plan: CommentPlan;
  readonly post: Post;
}

export type Composed =
  | { readonly kind: 'text'; readonly text: DisclosedText }
  /** To be tried again after so long. */
  | { readonly kind: 'later'; readonly afterMs: number; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string };

export interface Samples {
  readonly texts: readonly DisclosedText[];
  readonly warnings: readonly string[];
}

export interface Texts {
  readonly disclosureLine: string;
  /** What is wrong with a plan, at creation. */
  check(plan: CommentPlan, field: string, actions: number | undefined): FieldViolation[];
  /** An action's text: chosen once and kept, the same for every attempt; like no other of its campaign. */
  compose(wish: TextWish, signal: AbortSignal): Promise<Composed>;
  /** What texts would be like. Nothing is kept; a model's budget is used. */
  samples(
    tenantId: string,
    plan: CommentPlan,
    post: Post,
    count: number,
    signal: AbortSignal,
  ): Promise<Samples>;
}

/** How often a model that answers nonsense, or what was said before, is asked for one text. */
const TRIES = 3;
const SHOWN_TO_MODEL = 5;

export function openTexts(
  settings: TextSettings,
  options: { database: EngagementDatabase; clock: Clock; random: () => number },
): Texts {
  const { disclosureLine } = settings;
  const { database } = options;
  const writer = settings.model && createWriter(settings.model, settings.budgets, options);
  // A campaign has thousands of texts and one set of templates.
  const recent = new Map<string, Variants>();
  const variantsOf = (campaignId: string, templates: readonly string[]): Variants => {
    const known = recent.get(campaignId);
    if (known) return known;
    const variants = orderedVariants(templates.map(parseTemplate), campaignId);
    if (recent.size >= 100) recent.delete(recent.keys().next().value!);
    recent.set(campaignId, variants);
    return variants;
  };

  const bodyFor = async (wish: TextWish, signal: AbortSignal): Promise<string> => {
    const { plan, campaignId, actionId } = wish;
    if (plan.templates.length > 0)
      return keepNextVariant(database, wish, variantsOf(campaignId, plan.templates));
    const before = await textOf(database.kysely, actionId);
    if (before !== undefined) return before;
    if (!writer) throw new NoModel();
    const others = await textsOf(database.kysely, campaignId, SHOWN_TO_MODEL);
    return writer.write({ ...wish, budget: campaignId }, others, signal, (body) =>
      keepText(database.kysely, wish, body),
    );
  };

  return {
    disclosureLine,
    check: (plan, field, actions) => planFaults(plan, field, { hasModel: writer !== undefined, actions }),
    async compose(wish, signal) {
      try {
        const body = await bodyFor(wish, signal);
        const fault = textFault(body, LONGEST_COMMENT);
        if (fault !== undefined) return { kind: 'failed', reason: `The text ${fault}.` };
        return { kind: 'text', text: disclosed(body, disclosureLine) };
      } catch (error) {
        if (!(error instanceof NoText)) throw error;
        const { message: reason, retryAfterMs } = error;
        return retryAfterMs === undefined
          ? { kind: 'failed', reason }
          : { kind: 'later', afterMs: retryAfterMs, reason };
      }
    },
    async samples(tenantId, plan, post, count, signal) {
      const bodies: string[] = [];
      try {
        const { templates } = plan;
        const variants =
          templates.length > 0 ? orderedVariants(templates.map(parseTemplate), tenantId) : undefined;
        for (let made = 0; made < count; made += 1) {
          if (variants) {
            if (BigInt(made) >= variants.total) throw new VariantsSpent(variants.total);
            bodies.push(variants.at(BigInt(made)));
          } else if (!writer) throw new NoModel();
          else
            await writer.write({ plan, post, budget: `preview ${tenantId}` }, bodies, signal, (body) => {
              if (bodies.some((one) => likeness(one) === likeness(body))) return Promise.resolve(undefined);
              bodies.push(body);
              return Promise.resolve(body);
            });
        }
      } catch (error) {
        if (!(error instanceof NoText)) throw error;
        return { texts: bodies.map((body) => disclosed(body, disclosureLine)), warnings: [error.message] };
      }
      return { texts: bodies.map((body) => disclosed(body, disclosureLine)), warnings: [] };
    },
  };
}

interface Writer {
  /** `keep` answers undefined for what was said before. */
  write(
    subject: { plan: CommentPlan; post: Post; budget: string },
    saidBefore: readonly string[],
    signal: AbortSignal,
    keep: (body: string) => Promise<string | undefined>,
  ): Promise<string>;
}

function createWriter(
  settings: ModelSettings,
  budgets: Budgets,
  { database, clock, random }: { database: EngagementDatabase; clock: Clock; random: () => number },
): Writer {
  const model: Model = createModel(settings, { clock, random });
  return {
    async write({ plan, post, budget }, saidBefore, signal, keep) {
      const said = [...saidBefore];
      let fault = '';
      for (let tried = 1; tried <= TRIES; tried += 1) {
        const marker = randomBytes(6).toString('hex');
        const messages = messagesFor(
          {
            tone: TONES.find((one): one is Tone => one === plan.tone) ?? 'neutral',
            language: plan.language,
            prompt: plan.prompt,
            channelTitle: post.channelTitle,
            postText: post.text,
            saidBefore: said,
          },
          marker,
        );
        const estimate = estimated(messages) + settings.answerTokens;
        const meter = createMeter(database, budgets, { campaign: budget, estimate });
        const answer = await model.ask(messages, meter, signal);
        const body = tidied(answer.text);
        const wrong = answer.cutOff
          ? 'was cut off'
          : answerFault(body, {
              told: [messages[0]!.content, plan.prompt],
              post: post.text,
              secrets: [marker, settings.apiKey ?? ''],
            });
        if (wrong === undefined) {
          const kept = await keep(body);
          if (kept !== undefined) return kept;
          said.unshift(body);
        }
        fault = wrong ?? 'was used in this campaign before';
      }
      throw new OnlyNonsense(TRIES, fault);
    },
  };
}

/** A token is two characters or more of most scripts; too much is set right after the call. */
function estimated(messages: readonly ModelMessage[]): number {
  return Math.ceil(messages.reduce((sum, { content }) => sum + content.length, 0) / 2);
}
