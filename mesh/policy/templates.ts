// Mixer's templates (istio.io/v1.4/docs/reference/config/policy-and-telemetry/templates): which fields an instance has, of which types.
import type { ValueType } from './attributes.ts';

/** `VALUE`: any type, as the expression has it. `MAP`: free keys, each value of any type. */
export type FieldType = ValueType | 'VALUE' | 'MAP' | { readonly [field: string]: FieldType };

/** What a template's handlers do: answer now, count, or be told afterwards. */
export type TemplateVariety = 'check' | 'quota' | 'report';

/** One template. */
export interface Template {
  readonly variety: TemplateVariety;
  /** Names as in the templates' protos (snake_case); camelCase is read too. */
  readonly fields: Readonly<Record<string, FieldType>>;
}

const monitored = { monitored_resource_type: 'STRING', monitored_resource_dimensions: 'MAP' } as const;

const all = {
  checknothing: { variety: 'check', fields: {} },
  /** A text or an IP address. */
  listentry: { variety: 'check', fields: { value: 'VALUE' } },
  apikey: {
    variety: 'check',
    fields: {
      api: 'STRING',
      api_version: 'STRING',
      api_operation: 'STRING',
      api_key: 'STRING',
      timestamp: 'TIMESTAMP',
    },
  },
  authorization: {
    variety: 'check',
    fields: {
      subject: { user: 'STRING', groups: 'STRING', properties: 'MAP' },
      action: { namespace: 'STRING', service: 'STRING', method: 'STRING', path: 'STRING', properties: 'MAP' },
    },
  },
  quota: { variety: 'quota', fields: { dimensions: 'MAP' } },
  metric: { variety: 'report', fields: { value: 'VALUE', dimensions: 'MAP', ...monitored } },
  logentry: {
    variety: 'report',
    fields: { variables: 'MAP', timestamp: 'TIMESTAMP', severity: 'STRING', ...monitored },
  },
  tracespan: {
    variety: 'report',
    fields: {
      trace_id: 'STRING',
      span_id: 'STRING',
      parent_span_id: 'STRING',
      span_name: 'STRING',
      start_time: 'TIMESTAMP',
      end_time: 'TIMESTAMP',
      span_tags: 'MAP',
      http_status_code: 'INT64',
      client_span: 'BOOL',
      rewrite_client_span_id: 'BOOL',
      source_name: 'STRING',
      source_ip: 'IP_ADDRESS',
      destination_name: 'STRING',
      destination_ip: 'IP_ADDRESS',
      request_size: 'INT64',
      request_total_size: 'INT64',
      response_size: 'INT64',
      response_total_size: 'INT64',
      api_protocol: 'STRING',
    },
  },
  edge: {
    variety: 'report',
    fields: {
      timestamp: 'TIMESTAMP',
      source_uid: 'STRING',
      source_owner: 'STRING',
      source_workload_name: 'STRING',
      source_workload_namespace: 'STRING',
      destination_uid: 'STRING',
      destination_owner: 'STRING',
      destination_workload_name: 'STRING',
      destination_workload_namespace: 'STRING',
      destination_service_host: 'STRING',
      destination_service_name: 'STRING',
      destination_service_namespace: 'STRING',
      context_protocol: 'STRING',
      api_protocol: 'STRING',
    },
  },
  reportnothing: { variety: 'report', fields: {} },
} as const satisfies Readonly<Record<string, Template>>;

/** Names of the templates. */
export type TemplateName = keyof typeof all;

/** By name. */
export const templates: Readonly<Record<TemplateName, Template>> = all;

/** Whether there is a template of this name. */
export function isTemplate(name: string): name is TemplateName {
  return Object.hasOwn(templates, name);
}
