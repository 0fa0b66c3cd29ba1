import { detail, Refusal } from './answer.ts';
import type { Exchange } from './exchange.ts';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The id in the path; what can be nobody's is nobody's. */
export function pathId({ params }: Exchange, name: string, notFound: string): string {
  const id = params.get(name) ?? '';
  if (!UUID.test(id)) throw new Refusal(detail(404, notFound));
  return id.toLowerCase();
}
