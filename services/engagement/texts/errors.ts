/*
 * Why there is no text. None of these leaves the mesh as an error: they become an action's reason or a preview's
 * warning. None repeats what an endpoint said, for some repeat the key.
 */

export abstract class NoText extends Error {
  /** Undefined: trying again changes nothing. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, retryAfterMs?: number) {
    super(message);
    this.name = new.target.name;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Where the endpoint names no time. */
const LATER_MS = 10_000;

export class ModelUnavailable extends NoText {
  /** What the endpoint asked for. */
  readonly askedMs: number;
  /** It certainly did no work that counts. */
  readonly isFree: boolean;

  constructor(problem: string, options: { askedMs?: number; isFree?: boolean } = {}) {
    const { askedMs, isFree = false } = options;
    super(`The model's endpoint ${problem}.`, Math.max(askedMs ?? 0, LATER_MS));
    this.askedMs = askedMs ?? 0;
    this.isFree = isFree;
  }
}

/** Somebody has to change the configuration, or the endpoint. */
export class ModelRefused extends NoText {
  constructor(httpStatus: number) {
    super(
      `The model's endpoint refused the call with HTTP status ${httpStatus}. The operator should check MODEL_BASE_URL, MODEL_NAME and MODEL_API_KEY.`,
    );
  }
}

export class NoModel extends NoText {
  constructor() {
    super(
      'No model is configured that could write comments. The operator has to set MODEL_BASE_URL and MODEL_NAME (and MODEL_API_KEY where the endpoint wants one).',
    );
  }
}

export class BudgetSpent extends NoText {
  constructor(of: 'deployment' | 'campaign', limit: number, retryAfterMs: number) {
    const [whose, variable] =
      of === 'deployment'
        ? ['of this deployment', 'MODEL_DAILY_TOKENS']
        : ['of this campaign', 'MODEL_CAMPAIGN_DAILY_TOKENS'];
    super(
      `The ${limit} model tokens a day ${whose} are spent (${variable}). Comments go on at midnight UTC.`,
      retryAfterMs,
    );
  }
}

export class OnlyNonsense extends NoText {
  constructor(tries: number, fault: string) {
    super(`The model gave no comment in ${tries} tries: its last text ${fault}.`);
  }
}

export class VariantsSpent extends NoText {
  constructor(total: bigint) {
    super(
      `The templates have no text left: all ${total} variants were looked at, and none is used twice in a campaign. Give a new campaign more variants.`,
    );
  }
}
