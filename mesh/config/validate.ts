// Semantic validation of one resource, beyond its schema: accepts and rejects what Istio's own validation does.
import { type ConfigResource, configKey } from '../../events/model.ts';
import type { ParsedObject } from './parse.ts';
import { byPosition, noSource, type Path, type Problem, reportTo, type Source } from './problem.ts';
import { adapterSchemas } from './schemas/mixer-adapters.ts';
import { templateKinds } from './schemas/mixer-kinds.ts';
import { checkAnnotations } from './validate/annotations.ts';
import { validateAuthorizationPolicy } from './validate/authorization-policy.ts';
import { validateDestinationRule } from './validate/destination-rule.ts';
import { validateEnvoyFilter } from './validate/envoy-filter.ts';
import { validateGateway } from './validate/gateway.ts';
import { checkLabelValues } from './validate/labels.ts';
import {
  validateAdapterKind,
  validateAttributeManifest,
  validateHandler,
  validateInstance,
  validateQuotaSpec,
  validateRule,
  validateTemplateKind,
} from './validate/mixer.ts';
import { validatePeerAuthentication } from './validate/peer-authentication.ts';
import { placeAt, type SpecValidator } from './validate/place.ts';
import { validatePolicy } from './validate/policy.ts';
import { validateProxyConfig } from './validate/proxy-config.ts';
import { validateRequestAuthentication } from './validate/request-authentication.ts';
import { validateServiceEntry } from './validate/service-entry.ts';
import { validateSidecar } from './validate/sidecar.ts';
import { validateServiceLevelObjective } from './validate/slo.ts';
import { validateTelemetry } from './validate/telemetry.ts';
import { validateVirtualService } from './validate/virtual-service.ts';
import { validateWasmPlugin } from './validate/wasm-plugin.ts';
import { validateWorkloadEntry } from './validate/workload-entry.ts';
import { validateWorkloadGroup } from './validate/workload-group.ts';

// Each takes its own kind's spec, which parse.ts has checked: the map forgets that type.
const validators: ReadonlyMap<string, SpecValidator<never>> = new Map<string, SpecValidator<never>>([
  ['AuthorizationPolicy', validateAuthorizationPolicy],
  ['DestinationRule', validateDestinationRule],
  ['EnvoyFilter', validateEnvoyFilter],
  ['Gateway', validateGateway],
  ['PeerAuthentication', validatePeerAuthentication],
  ['Policy', validatePolicy],
  ['ProxyConfig', validateProxyConfig],
  ['RequestAuthentication', validateRequestAuthentication],
  ['ServiceEntry', validateServiceEntry],
  ['Sidecar', validateSidecar],
  ['Telemetry', validateTelemetry],
  ['ServiceLevelObjective', validateServiceLevelObjective],
  ['VirtualService', validateVirtualService],
  ['WasmPlugin', validateWasmPlugin],
  ['WorkloadEntry', validateWorkloadEntry],
  ['WorkloadGroup', validateWorkloadGroup],
  ['handler', validateHandler],
  ['instance', validateInstance],
  ['rule', validateRule],
  ['attributemanifest', validateAttributeManifest],
  ['QuotaSpec', validateQuotaSpec],
  ...[...adapterSchemas.keys()].map((kind): [string, SpecValidator<never>] => [kind, validateAdapterKind(kind)]),
  ...templateKinds.map((kind): [string, SpecValidator<never>] => [kind, validateTemplateKind(kind)]),
]);

/**
 * Findings on one resource whose spec has passed its schema (parse.ts). Errors carry istioctl's IST0106, warnings IST0133. `source` and
 * `base` place them in the text the resource was read from.
 */
export function validateResource(
  resource: ConfigResource,
  source: Source = noSource,
  base: Path = [],
): readonly Problem[] {
  const problems: Problem[] = [];
  const root = placeAt(reportTo(problems, source, { resource: configKey(resource), base }));
  checkLabelValues(resource.labels, root.at('metadata', 'labels'), { bounded: true });
  checkAnnotations(resource, root.at('metadata', 'annotations'));
  validators.get(resource.kind)?.(resource.spec as never, root.at('spec'), { ...resource, root });
  return problems.sort(byPosition);
}

/** `validateResource` for each configuration resource of a ParseResult; Kubernetes objects have nothing to validate. */
export function validateObjects(objects: readonly ParsedObject[]): readonly Problem[] {
  return objects.flatMap((parsed) =>
    parsed.type === 'config' ? validateResource(parsed.resource, parsed.source, parsed.base) : [],
  );
}
