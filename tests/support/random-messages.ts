import { create, ScalarType, type DescField, type DescMessage, type Message } from '@bufbuild/protobuf';
import fc from 'fast-check';

/*
 * Random messages of any type, by its descriptor: values at and over every edge that a field may have, and ids
 * that exist mixed in, so that a call gets past the first look-up too.
 */

export interface Known {
  /** Ids, names and tokens that mean something to the server, by the field's name. */
  readonly [field: string]: readonly unknown[];
}

const MAX_DEPTH = 4;

/** Half of them sane in every field, so that calls do their work, and half wild, so that they must refuse. */
export function randomMessage(type: DescMessage, known: Known): fc.Arbitrary<Message> {
  return fc.oneof(messageOf(type, known, false), messageOf(type, known, true));
}

function messageOf(type: DescMessage, known: Known, wild: boolean, depth = 0): fc.Arbitrary<Message> {
  const fields = type.fields.filter(() => depth < MAX_DEPTH);
  const entries = Object.fromEntries(
    fields.map((field) => [field.localName, fieldValue(field, known, wild, depth)]),
  );
  return fc
    .record(entries, { requiredKeys: [] })
    .map((values) => create(type, withOneofs(type, values as Record<string, unknown>)));
}

/** protobuf-es keeps a oneof as { case, value }; of several members the last one wins, as on the wire. */
function withOneofs(type: DescMessage, values: Record<string, unknown>): Record<string, unknown> {
  const plain = { ...values };
  for (const oneof of type.oneofs)
    for (const field of oneof.fields) {
      if (!(field.localName in plain)) continue;
      plain[oneof.localName] = { case: field.localName, value: plain[field.localName] };
      delete plain[field.localName];
    }
  return plain;
}

function fieldValue(field: DescField, known: Known, wild: boolean, depth: number): fc.Arbitrary<unknown> {
  switch (field.fieldKind) {
    case 'list': {
      const item =
        field.listKind === 'message'
          ? messageOf(field.message, known, wild, depth + 1)
          : field.listKind === 'enum'
            ? enumValue(
                field.enum.values.map(({ number }) => number),
                wild,
              )
            : scalar(field.scalar, known[field.localName], wild);
      return fc.array(item, { maxLength: 4 });
    }
    case 'map':
      if (!wild) return fc.constantFrom({}, { colour: 'red' });
      return fc.dictionary(
        fc.oneof(fc.string({ maxLength: 70 }), fc.constantFrom('colour', 'a', '')),
        fc.oneof(fc.string({ maxLength: 140 }), fc.constant('x'.repeat(129))),
        { maxKeys: 40 },
      );
    case 'message':
      return messageOf(field.message, known, wild, depth + 1);
    case 'enum':
      return enumValue(
        field.enum.values.map(({ number }) => number),
        wild,
      );
    case 'scalar':
      return scalar(field.scalar, known[field.localName], wild);
  }
}

function enumValue(numbers: readonly number[], wild: boolean): fc.Arbitrary<number> {
  if (!wild) return fc.constantFrom(...numbers);
  return fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...numbers) }, fc.integer({ min: -5, max: 200 }));
}

function scalar(
  type: ScalarType,
  known: readonly unknown[] | undefined,
  wild: boolean,
): fc.Arbitrary<unknown> {
  if (!wild) return known && known.length > 0 ? fc.constantFrom(...known) : saneScalar(type);
  const value = anyScalar(type);
  return known && known.length > 0 ? fc.oneof(fc.constantFrom(...known), value) : value;
}

function saneScalar(type: ScalarType): fc.Arbitrary<unknown> {
  switch (type) {
    case ScalarType.STRING:
      return fc.constantFrom('', 'some text');
    case ScalarType.BYTES:
      return fc.uint8Array({ maxLength: 400 });
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.INT64:
    case ScalarType.UINT64:
      return fc.constant(0n);
    default:
      return fc.nat(10);
  }
}

function anyScalar(type: ScalarType): fc.Arbitrary<unknown> {
  switch (type) {
    case ScalarType.STRING:
      return fc.oneof(
        fc.string({ maxLength: 40 }),
        fc.string({ unit: 'binary', maxLength: 40 }),
        fc.constantFrom(
          '',
          '\u0000',
          'x'.repeat(129),
          '😀'.repeat(128),
          "'; drop table sessions; --",
          '../../etc',
        ),
        fc.uuid(),
      );
    case ScalarType.BYTES:
      return fc.oneof(fc.uint8Array({ maxLength: 400 }), fc.constant(new Uint8Array(70_000)));
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return fc.oneof(
        fc.constantFrom(0n, 1n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 1_099_511_627_776n),
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      );
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return fc.nat();
    case ScalarType.FLOAT:
    case ScalarType.DOUBLE:
      return fc.double();
    default:
      return fc.oneof(fc.constantFrom(0, 1, -1, 999, 1_000, 2_147_483_647, -2_147_483_648), fc.integer());
  }
}
