// Istio's merge of a patch into a message: protobuf's own, except that a Duration is replaced and lists can be.
import { clone, type DescMessage, fromBinary, type MessageShape } from '@bufbuild/protobuf';
import { type ReflectList, type ReflectMap, type ReflectMessage, reflect } from '@bufbuild/protobuf/reflect';
import { type Any, anyPack } from '@bufbuild/protobuf/wkt';
import { anyTypes } from '../../../../mesh/envoy/any-types.ts';

/** What MERGE does with a repeated field (`append`), and MERGE_AND_REPLACE_LIST (`replace`). */
export type ListMerge = 'append' | 'replace';

/**
 * Merges `source` into `target`, in place; `source` stays as it is. Set scalars and enums replace, messages merge field by
 * field, map entries replace those of their key, lists append. As in Istio a wrapper such as BoolValue is a message like any
 * other: a patch that says `false` where there is `true` already changes nothing (github.com/golang/protobuf/issues/1359).
 */
export function mergeMessage<Desc extends DescMessage>(
  schema: Desc,
  target: MessageShape<Desc>,
  source: MessageShape<Desc>,
  lists: ListMerge = 'append',
): void {
  mergeReflected(reflect(schema, target), reflect(schema, clone(schema, source)), lists);
}

/** The merge of two Any of the same known type, or for people why there is none. */
export function mergedAny(target: Any, source: Any): Any | string {
  if (target.typeUrl !== source.typeUrl) return `can't merge ${source.typeUrl} into ${target.typeUrl}`;
  const schema = anyTypes.getMessage(target.typeUrl.slice(target.typeUrl.lastIndexOf('/') + 1));
  if (schema === undefined) return `can't merge ${target.typeUrl}: an unknown type`;
  const merged = fromBinary(schema, target.value);
  mergeReflected(reflect(schema, merged), reflect(schema, fromBinary(schema, source.value)), 'append');
  return anyPack(schema, merged);
}

/** `source` is taken apart: its values become the target's. */
function mergeReflected(target: ReflectMessage, source: ReflectMessage, lists: ListMerge): void {
  for (const field of source.fields) {
    if (!source.isSet(field)) continue;
    switch (field.fieldKind) {
      case 'list':
        mergeList(target.get(field), source.get(field), lists);
        break;
      case 'map':
        mergeMap(target.get(field), source.get(field));
        break;
      case 'message': {
        const isWhole = field.message.typeName === 'google.protobuf.Duration' || !target.isSet(field);
        const value = isWhole ? source.get(field) : target.get(field);
        if (!isWhole) mergeReflected(value, source.get(field), lists);
        target.set(field, value);
        break;
      }
      default:
        target.set(field, source.get(field));
    }
  }
  const unknown = source.getUnknown();
  if (unknown?.length) target.setUnknown([...(target.getUnknown() ?? []), ...unknown]);
}

function mergeList(target: ReflectList, source: ReflectList, lists: ListMerge): void {
  if (lists === 'replace') target.clear();
  for (const item of source) target.add(item);
}

function mergeMap(target: ReflectMap, source: ReflectMap): void {
  for (const [key, value] of source) target.set(key, value);
}
