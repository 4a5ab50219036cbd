// The kinds that `get` and `delete` know, with the short names that kubectl's users type.
import { MeshError } from '../lib/mesh-error.ts';
import { adapterSchemas } from '../mesh/config/schemas/mixer-adapters.ts';
import { templateKinds } from '../mesh/config/schemas/mixer-kinds.ts';
import { didYouMean } from '../mesh/config/suggest-name.ts';

/** A kind of configuration resource, or one of the registry's three lists. */
export interface KnownKind {
  readonly kind: string;
  /** Lower-case names that mean it: singular, plural, short. */
  readonly names: readonly string[];
  readonly source: 'config' | 'registry';
}

const config = (kind: string, plural: string, ...short: string[]): KnownKind => ({
  kind,
  names: [kind.toLowerCase(), plural, ...short],
  source: 'config',
});
const registry = (kind: string, ...names: string[]): KnownKind => ({ kind, names, source: 'registry' });

/** All kinds, in the order in which help lists them. Short names are those of Istio's CRDs. */
export const knownKinds: readonly KnownKind[] = [
  config('VirtualService', 'virtualservices', 'vs'),
  config('DestinationRule', 'destinationrules', 'dr'),
  config('Gateway', 'gateways', 'gw'),
  config('ServiceEntry', 'serviceentries', 'se'),
  config('WorkloadEntry', 'workloadentries', 'we'),
  config('WorkloadGroup', 'workloadgroups', 'wg'),
  config('Sidecar', 'sidecars'),
  config('EnvoyFilter', 'envoyfilters'),
  config('ProxyConfig', 'proxyconfigs'),
  config('MeshConfig', 'meshconfigs', 'mesh'),
  config('PeerAuthentication', 'peerauthentications', 'pa'),
  config('RequestAuthentication', 'requestauthentications', 'ra'),
  config('AuthorizationPolicy', 'authorizationpolicies', 'ap'),
  config('Telemetry', 'telemetries', 'telemetry'),
  config('WasmPlugin', 'wasmplugins'),
  config('ServiceLevelObjective', 'servicelevelobjectives', 'slo'),
  config('Policy', 'policies'),
  config('handler', 'handlers'),
  config('instance', 'instances'),
  config('rule', 'rules'),
  config('attributemanifest', 'attributemanifests'),
  config('QuotaSpec', 'quotaspecs'),
  config('QuotaSpecBinding', 'quotaspecbindings'),
  // Mixer's older kinds, whose plurals were formed by hand there too.
  ...[...adapterSchemas.keys(), ...templateKinds].map((kind) =>
    config(kind, kind.endsWith('y') ? `${kind.slice(0, -1)}ies` : `${kind}s`),
  ),
  registry('services', 'services', 'service', 'svc'),
  registry('endpoints', 'endpoints', 'endpoint', 'ep'),
  registry('workloads', 'workloads', 'workload', 'wl'),
];

/** The kind that `name` means. Throws MeshError `usage` with the nearest name. */
export function kindOf(name: string): KnownKind {
  const wanted = (name.split('.')[0] ?? name).toLowerCase();
  const found = knownKinds.find((kind) => kind.names.includes(wanted));
  if (found !== undefined) return found;
  const all = knownKinds.flatMap((kind) => kind.names);
  throw new MeshError(
    'usage',
    `unknown kind "${name}"${didYouMean(wanted, all)}\n  known: ${knownKinds.map((kind) => kind.names.at(-1)).join(', ')}`,
  );
}

/** Like `kindOf`, for configuration only. */
export function configKindOf(name: string): KnownKind {
  const kind = kindOf(name);
  if (kind.source === 'config') return kind;
  throw new MeshError(
    'usage',
    `${kind.kind} come from the platforms' registries, they can't be changed here; use "periplus get ${kind.kind}"`,
  );
}
