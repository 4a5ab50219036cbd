// Extensions that Envoy needs for some operators of access-log formats; it refuses a listener that uses one without.
import { create } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { ReqWithoutQuerySchema } from '../../../../gen/envoy/extensions/formatter/req_without_query/v3/req_without_query_pb.js';

/** `%REQ_WITHOUT_QUERY(X?Y):Z%` is in no Envoy by itself; of METADATA and CEL, which Istio names too, each Envoy that we serve knows. */
const withoutQuery = {
  name: 'envoy.formatter.req_without_query',
  typedConfig: anyPack(ReqWithoutQuerySchema, create(ReqWithoutQuerySchema)),
};

/** The `formatters` of a format, text or JSON: none where no operator needs one. */
export function logFormatters(format: unknown): (typeof withoutQuery)[] {
  return JSON.stringify(format ?? '').includes('%REQ_WITHOUT_QUERY') ? [withoutQuery] : [];
}
