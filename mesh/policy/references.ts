// How rules name handlers and instances: `NAME`, `NAME.NAMESPACE`, and the older `NAME.KIND` and `NAME.KIND.NAMESPACE`.
import type { ConfigResource } from '../../events/model.ts';
import { checkSchema, isRecord } from '../config/check-schema.ts';
import { durationMs } from '../config/quantities.ts';
import type { HandlerSpec, InstanceSpec } from '../config/schemas/mixer.ts';
import { adapterSchemas } from '../config/schemas/mixer-adapters.ts';
import { templateKinds } from '../config/schemas/mixer-kinds.ts';
import type { ConfigView } from '../snapshot.ts';
import type { HandlerRef, OnFailure } from './rules.ts';

/** Annotation of a handler: `allow` or `deny` a request when the back end fails. */
export const onFailureAnnotation = 'policy.periplus.io/on-failure';
/** Annotation of a handler: how long one call may take, such as `50ms`. */
export const deadlineAnnotation = 'policy.periplus.io/deadline';

/** The resource that `reference` means, seen from `namespace`. */
export function resolveReference(
  config: ConfigView,
  reference: string,
  from: { readonly namespace: string; readonly kinds: readonly string[] },
): ConfigResource | undefined {
  const [name = '', second, third] = reference.split('.');
  const isKind = second !== undefined && from.kinds.includes(second);
  const namespace = (isKind ? third : second) ?? from.namespace;
  const kinds = isKind ? [second] : from.kinds;
  for (const kind of kinds) {
    const found = config.get(kind, namespace, name);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Kinds that are handlers, and kinds that are instances. */
export const handlerKinds: readonly string[] = ['handler', ...adapterSchemas.keys()];
/** See `handlerKinds`. */
export const instanceKinds: readonly string[] = ['instance', ...templateKinds];

const refs = new WeakMap<ConfigResource, HandlerRef>();
/** The handler of a resource of one of `handlerKinds`. */
export function handlerRefOf(resource: ConfigResource): HandlerRef {
  const known = refs.get(resource);
  if (known !== undefined) return known;
  const { kind, name, namespace, annotations = {} } = resource;
  const spec = kind === 'handler' ? (resource.spec as HandlerSpec) : { compiledAdapter: kind, params: resource.spec };
  const deadlineMs = durationMs(annotations[deadlineAnnotation] ?? '');
  const adapter = spec.compiledAdapter ?? ('adapter' in spec ? spec.adapter : undefined) ?? 'module';
  const isBuiltIn = !('module' in spec && spec.module !== undefined);
  const ref: HandlerRef = {
    name: `${name}.${namespace}`,
    adapter,
    params: isBuiltIn ? currentParams(adapter, spec.params ?? {}) : (spec.params ?? {}),
    onFailure: onFailureOf(annotations[onFailureAnnotation], adapter, spec.params),
    ...('module' in spec && spec.module !== undefined ? { module: spec.module } : {}),
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
  };
  refs.set(resource, ref);
  return ref;
}

/** The annotation decides; without it only an OPA handler that says `failClose: false` lets requests pass. */
function onFailureOf(annotation: string | undefined, adapter: string, params: unknown): OnFailure {
  if (annotation !== undefined) return annotation.toLowerCase() === 'allow' ? 'allow' : 'deny';
  const failClose = isRecord(params) ? (params.failClose ?? params.fail_close) : undefined;
  return adapter === 'opa' && failClose === false ? 'allow' : 'deny';
}

/** Parameters with current field names, whatever spelling the file had. */
function currentParams(adapter: string, params: unknown): unknown {
  const schema = adapterSchemas.get(adapter);
  return schema === undefined ? params : checkSchema(schema, params, [], { report: () => {} });
}

/** Template and fields of a resource of one of `instanceKinds`. */
export function instanceParts(resource: ConfigResource): {
  readonly template: string;
  readonly params: Readonly<Record<string, unknown>>;
} {
  if (resource.kind !== 'instance') {
    return { template: resource.kind, params: isRecord(resource.spec) ? resource.spec : {} };
  }
  const { compiledTemplate, template, params = {} } = resource.spec as InstanceSpec;
  return { template: compiledTemplate ?? template ?? '', params };
}
