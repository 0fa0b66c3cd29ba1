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

export function randomMessage(type: DescMessage, known: Known, depth = 0): fc.Arbitrary<Message> {
  const fields = type.fields.filter(() => depth < MAX_DEPTH);
  const entries = Object.fromEntries(
    fields.map((field) => [field.localName, fieldValue(field, known, depth)]),
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

function fieldValue(field: DescField, known: Known, depth: number): fc.Arbitrary<unknown> {
  switch (field.fieldKind) {
    case 'list': {
      const item =
        field.listKind === 'message'
          ? randomMessage(field.message, known, depth + 1)
          : field.listKind === 'enum'
            ? enumValue(field.enum.values.map(({ number }) => number))
            : scalar(field.scalar, known[field.localName]);
      return fc.array(item, { maxLength: 4 });
    }
    case 'map':
      return fc.dictionary(
        fc.oneof(fc.string({ maxLength: 70 }), fc.constantFrom('colour', 'a', '')),
        fc.oneof(fc.string({ maxLength: 140 }), fc.constant('x'.repeat(129))),
        { maxKeys: 40 },
      );
    case 'message':
      return randomMessage(field.message, known, depth + 1);
    case 'enum':
      return enumValue(field.enum.values.map(({ number }) => number));
    case 'scalar':
      return scalar(field.scalar, known[field.localName]);
  }
}

function enumValue(numbers: readonly number[]): fc.Arbitrary<number> {
  return fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...numbers) }, fc.integer({ min: -5, max: 200 }));
}

function scalar(type: ScalarType, known: readonly unknown[] | undefined): fc.Arbitrary<unknown> {
  const value = anyScalar(type);
  return known && known.length > 0 ? fc.oneof(fc.constantFrom(...known), value) : value;
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
