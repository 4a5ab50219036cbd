// Wraps an access logger's configuration, and the filters that decide what it writes.
import { create, type DescMessage, type MessageShape } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import {
  type AccessLog,
  type AccessLogFilter,
  AccessLogFilterSchema,
  AccessLogSchema,
} from '../../../../gen/envoy/config/accesslog/v3/accesslog_pb.js';
import type { AccessLogType } from '../../../../gen/envoy/data/accesslog/v3/accesslog_pb.js';
import { ExpressionFilterSchema } from '../../../../gen/envoy/extensions/access_loggers/filters/cel/v3/cel_pb.js';

/** An access logger, for everything or for what passes `filter`. */
export function accessLog<Desc extends DescMessage>(
  name: string,
  schema: Desc,
  value: MessageShape<Desc>,
  filter?: AccessLogFilter,
): AccessLog {
  const configType = { case: 'typedConfig', value: anyPack(schema, value) } as const;
  return create(AccessLogSchema, { name, configType, ...(filter ? { filter } : {}) });
}

/** Only entries of this type: connections are reported when they open and when they end. */
export function atType(type: AccessLogType): AccessLogFilter {
  return ofTypes([type]);
}

/** Only entries of these types. */
export function ofTypes(types: readonly AccessLogType[]): AccessLogFilter {
  return create(AccessLogFilterSchema, { filterSpecifier: { case: 'logTypeFilter', value: { types: [...types] } } });
}

/** Only where a CEL expression over Envoy's attributes holds. */
export function whereCel(expression: string): AccessLogFilter {
  const typedConfig = anyPack(ExpressionFilterSchema, create(ExpressionFilterSchema, { expression }));
  return create(AccessLogFilterSchema, {
    filterSpecifier: {
      case: 'extensionFilter',
      value: {
        name: 'envoy.access_loggers.extension_filters.cel',
        configType: { case: 'typedConfig', value: typedConfig },
      },
    },
  });
}

/** All of these filters; undefined ones ask for nothing. */
export function allOf(...filters: readonly (AccessLogFilter | undefined)[]): AccessLogFilter | undefined {
  const asked = filters.filter((filter) => filter !== undefined);
  if (asked.length < 2) return asked[0];
  return create(AccessLogFilterSchema, { filterSpecifier: { case: 'andFilter', value: { filters: asked } } });
}
