// A custom tag of spans and access logs whose value is a format string.
import { create } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { type CustomTag, CustomTagSchema } from '../../../../gen/envoy/type/tracing/v3/custom_tag_pb.js';

/** Field 6 of envoy.type.tracing.v3.CustomTag, `value`: newer than the API that our protobuf code is made from. Without a value there is no tag. */
export function formattedTag(tag: string, format: string): CustomTag {
  const message = create(CustomTagSchema, { tag });
  const data = new BinaryWriter().string(format).finish();
  message.$unknown = [{ no: 6, wireType: WireType.LengthDelimited, data }];
  return message;
}
