import type { EdgeCall } from '../edge-call.ts';
import { readBody } from '../read-body.ts';
import { detail, Refusal, type FieldFault } from './answer.ts';

/** What a body holds, by name: of a form, text, or a list of texts where a name comes twice. */
export type BodyFields = ReadonlyMap<string, unknown>;

const FORM_TYPES = ['application/x-www-form-urlencoded', 'multipart/form-data'];
const JSON_TYPE = /^application\/(?:[\w.-]+\+)?json$/;

export function isForm(type: string): boolean {
  return FORM_TYPES.includes(mediaType(type));
}

/** The fields of a JSON object or of a form; none when there is no body. Other types are refused as FastAPI does. */
export async function readFields(call: EdgeCall, maxBytes: number): Promise<BodyFields> {
  const type = call.get('content-type') ?? '';
  const body = await readBody(call, maxBytes);
  if (body.length === 0) return new Map();
  if (isForm(type)) return formFields(await parseForm(body, type));
  const isJson = type === '' || JSON_TYPE.test(mediaType(type));
  const value = isJson ? parseJson(body) : undefined;
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw refusedBody({
      loc: ['body'],
      msg: isJson
        ? 'Input should be a valid dictionary or object to extract fields from'
        : 'Input should be JSON (application/json) or a form (application/x-www-form-urlencoded)',
      type: 'model_attributes_type',
    });
  return new Map(Object.entries(value));
}

export async function parseForm(body: Buffer, type: string): Promise<FormData> {
  try {
    return await new Response(Uint8Array.from(body), { headers: { 'content-type': type } }).formData();
  } catch {
    throw unreadable();
  }
}

function mediaType(type: string): string {
  return type.split(';', 1)[0]!.trim().toLowerCase();
}

function formFields(form: FormData): BodyFields {
  const fields = new Map<string, unknown>();
  for (const name of new Set(form.keys())) {
    const texts = form.getAll(name).filter((value) => typeof value === 'string');
    if (texts.length > 0) fields.set(name, texts.length === 1 ? texts[0] : texts);
  }
  return fields;
}

function parseJson(body: Buffer): unknown {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    throw unreadable();
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    const position = /position (\d+)/.exec((error as Error).message)?.[1];
    throw refusedBody({
      loc: ['body', Number(position ?? text.length)],
      msg: 'JSON decode error',
      type: 'json_invalid',
    });
  }
}

function refusedBody(fault: FieldFault): Refusal {
  return new Refusal(detail(422, [fault]));
}

function unreadable(): Refusal {
  return new Refusal(detail(400, 'There was an error parsing the body'));
}
