import type { FieldViolation } from '#lib/rpc/errors.ts';
import type { CommentPlan } from '../model.ts';
import { LONGEST_COMMENT, textFault } from './content.ts';
import { languageTag, TONES } from './prompt.ts';
import { parseTemplate, TemplateFault, type Template } from './template.ts';
import { countDistinct, orderedVariants } from './variants.ts';

const LONGEST_PROMPT = 4_000;
const MOST_TEMPLATES = 50;
/** Variants that are looked at for what only shows when they are written out. */
const LOOKED_AT = 200n;

/**
 * What can be known to be wrong before anything is written. `actions`: how many comments there are to be, where that
 * is known. `field` is where the plan stands in the request.
 */
export function planFaults(
  plan: CommentPlan,
  field: string,
  known: { hasModel: boolean; actions: number | undefined },
): FieldViolation[] {
  const faults: FieldViolation[] = [];
  const fault = (name: string, description: string): void =>
    void faults.push({ field: `${field}.${name}`, description });
  const { tone, language, prompt, templates } = plan;
  if (tone !== '' && !TONES.some((one) => one === tone))
    fault('tone', `is not known; send one of ${TONES.join(', ')}, or nothing for neutral`);
  if (language !== '' && languageTag(language) === undefined)
    fault(
      'language',
      'is no BCP 47 tag; send one as de, pt-BR or zh-Hant, or nothing for the language of each post',
    );
  if (prompt !== '' && templates.length > 0)
    fault('templates', 'are there beside a prompt; send either the one or the other');
  else if (templates.length > 0) faults.push(...templateFaults(templates, field, known.actions));
  else checkPrompt(prompt, known.hasModel, fault);
  return faults;
}

function checkPrompt(
  prompt: string,
  hasModel: boolean,
  fault: (name: string, description: string) => void,
): void {
  if (prompt.length > LONGEST_PROMPT)
    fault('prompt', `has ${prompt.length} characters; send at most ${LONGEST_PROMPT}`);
  else if (prompt.trim() === '') fault('prompt', 'is empty; say what comments are about, or send templates');
  else if (!prompt.isWellFormed() || /(?![\n\t])\p{Cc}/u.test(prompt))
    fault('prompt', 'has a control character or is not valid Unicode; send plain text');
  else if (!hasModel)
    fault(
      'prompt',
      'needs a model, and none is configured here; the operator sets MODEL_BASE_URL and MODEL_NAME (and MODEL_API_KEY where the endpoint wants one). Templates work without',
    );
}

function templateFaults(
  sources: readonly string[],
  field: string,
  actions: number | undefined,
): FieldViolation[] {
  if (sources.length > MOST_TEMPLATES)
    return [
      { field: `${field}.templates`, description: `are ${sources.length}; send at most ${MOST_TEMPLATES}` },
    ];
  const faults: FieldViolation[] = [];
  const templates: Template[] = [];
  for (const [index, source] of sources.entries()) {
    const at = `${field}.templates[${index}]`;
    const read = readTemplate(source);
    if (typeof read === 'string') faults.push({ field: at, description: read });
    else templates.push(read);
  }
  if (faults.length > 0 || actions === undefined) return faults;
  const distinct = countDistinct(orderedVariants(templates, field), actions);
  if (distinct < actions)
    faults.push({
      field: `${field}.templates`,
      description: `have ${distinct} texts that differ for ${actions} comments, and no text is used twice in a campaign; add variants as {one|another}, or lower the number of posts or accounts`,
    });
  return faults;
}

/** The template, or what is wrong with it. */
function readTemplate(source: string): Template | string {
  let template: Template;
  try {
    template = parseTemplate(source);
  } catch (error) {
    if (error instanceof TemplateFault) return error.message;
    throw error;
  }
  if (template.longest > LONGEST_COMMENT)
    return `makes a text of ${template.longest} characters; ${LONGEST_COMMENT} are the most`;
  const variants = orderedVariants([template], source);
  for (let turn = 0n; turn < variants.total && turn < LOOKED_AT; turn += 1n) {
    const problem = textFault(variants.at(turn), LONGEST_COMMENT);
    if (problem !== undefined) return `makes a text that ${problem}`;
  }
  return template;
}
