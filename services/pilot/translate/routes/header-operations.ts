// Istio's header operations (set, add, remove) as Envoy's, with Host and :authority becoming a host rewrite.
import { create } from '@bufbuild/protobuf';
import {
  type HeaderValueOption,
  HeaderValueOption_HeaderAppendAction,
  HeaderValueOptionSchema,
} from '../../../../gen/envoy/config/core/v3/base_pb.js';
import type { Headers } from '../../../../mesh/config/schemas/virtual-service.ts';

/** What a route or a weighted destination does to headers. */
export interface HeaderOperations {
  readonly requestHeadersToAdd: HeaderValueOption[];
  readonly requestHeadersToRemove: string[];
  readonly responseHeadersToAdd: HeaderValueOption[];
  readonly responseHeadersToRemove: string[];
  /** Value that Host is set to; Envoy can't do it as a header operation. */
  readonly authority: string | undefined;
}

type Values = Readonly<Record<string, string>> | undefined;
const { OVERWRITE_IF_EXISTS_OR_ADD, APPEND_IF_EXISTS_OR_ADD } = HeaderValueOption_HeaderAppendAction;

/** Translates `headers` of a route or a destination; `set` comes before `add`, each in the order of header names. */
export function headerOperations(headers: Headers | undefined): HeaderOperations {
  const { request, response } = headers ?? {};
  return {
    requestHeadersToAdd: [
      ...options(request?.set, OVERWRITE_IF_EXISTS_OR_ADD),
      ...options(request?.add, APPEND_IF_EXISTS_OR_ADD),
    ],
    requestHeadersToRemove: (request?.remove ?? []).filter((name) => !isInternal(name)),
    responseHeadersToAdd: [
      ...options(response?.set, OVERWRITE_IF_EXISTS_OR_ADD),
      ...options(response?.add, APPEND_IF_EXISTS_OR_ADD),
    ],
    responseHeadersToRemove: (response?.remove ?? []).filter((name) => !isInternal(name)),
    authority: authorityOf(request?.set) ?? authorityOf(request?.add),
  };
}

function options(values: Values, appendAction: HeaderValueOption_HeaderAppendAction): HeaderValueOption[] {
  return Object.entries(values ?? {})
    .filter(([name]) => !isInternal(name))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => create(HeaderValueOptionSchema, { header: { key, value }, appendAction }));
}

function authorityOf(values: Values): string | undefined {
  const found = Object.entries(values ?? {}).find(([name]) => /^(host|:authority)$/i.test(name));
  return found?.[1] || undefined;
}

function isInternal(name: string): boolean {
  return name.startsWith(':') || name.toLowerCase() === 'host';
}
