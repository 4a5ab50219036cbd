// The same case at every level where a DestinationRule takes a traffic policy: host, port, subset, port of a subset.
import type { DestinationRuleSpec, TrafficPolicy } from '../../mesh/config/schemas/destination-rule.ts';
import type { VirtualServiceSpec } from '../../mesh/config/schemas/virtual-service.ts';
import type { Place, TrafficCase } from './case.ts';
import { type Manifest, virtualService } from './resources.ts';

/** Ports that a rule of a port is for: those that subsets are routed to by HTTP rules, by TCP rules, and others. */
interface RulePorts {
  readonly http: readonly number[];
  readonly tcp: readonly number[];
  readonly others: readonly number[];
}

/** Where a policy is put instead of the host's; `name` is the path of its fields. */
interface Level {
  readonly name: string;
  readonly isPort: boolean;
  readonly isSubset: boolean;
}
const levels: readonly Level[] = [
  { name: 'trafficPolicy.portLevelSettings', isPort: true, isSubset: false },
  { name: 'subsets.trafficPolicy', isPort: false, isSubset: true },
  { name: 'subsets.trafficPolicy.portLevelSettings', isPort: true, isSubset: true },
];
const hostPolicy = 'DestinationRule.trafficPolicy.';
/** What portLevelSettings don't have. */
const hostOnly: readonly (keyof TrafficPolicy)[] = ['tunnel', 'proxyProtocol', 'retryBudget'];

/** Each of `cases` whose policies are all of a host, once more for each other level; not those named in `except`. */
export function atOtherLevels(cases: readonly TrafficCase[], except: readonly string[] = []): TrafficCase[] {
  return cases
    .filter(({ name, proves }) => !except.includes(name) && proves.every((field) => field.startsWith(hostPolicy)))
    .flatMap((one) => levels.filter((level) => fits(one, level)).map((level) => moved(one, level)));
}

function fits({ proves }: TrafficCase, { isPort }: Level): boolean {
  const names = proves.map((field) => field.slice(hostPolicy.length).split('.')[0]);
  return names.every((name) => name !== 'portLevelSettings' && !(isPort && hostOnly.some((only) => only === name)));
}

function moved(one: TrafficCase, level: Level): TrafficCase {
  const { resources, later } = one;
  return {
    ...one,
    name: `${one.name} (${level.name})`,
    proves: one.proves.map((field) => `DestinationRule.${level.name}.${field.slice(hostPolicy.length)}`),
    ...(resources && { resources: (place) => movedAll(resources(place), level, rulePorts(place)) }),
    ...(later && { later: (place) => later(place).map((manifest) => movedRule(manifest, level, rulePorts(place))) }),
  };
}

/** Names of all levels, the host's own first: the paths of their fields. */
export const levelNames: readonly string[] = ['trafficPolicy', ...levels.map(({ name }) => name)];

/** `manifests` with their DestinationRules' policies moved from the host to the level of this name; see levelNames. */
export function atLevel(name: string, manifests: readonly Manifest[], ports: RulePorts): readonly Manifest[] {
  const level = levels.find((one) => one.name === name);
  return level ? movedAll(manifests, level, ports) : manifests;
}

/** The ports of a place's services. */
export function rulePorts({ ports }: Pick<Place, 'ports'>): RulePorts {
  return { http: [ports.http, ports.alt, ports.originate], tcp: [ports.tcp], others: [ports.http2, ports.tls] };
}

function movedAll(manifests: readonly Manifest[], level: Level, ports: RulePorts): Manifest[] {
  const out = manifests.map((manifest) => movedRule(manifest, level, ports));
  if (!level.isSubset) return out;
  const hosts = manifests.flatMap(({ kind, spec }) =>
    kind === 'DestinationRule' ? [(spec as DestinationRuleSpec).host] : [],
  );
  const routed = out.map((manifest) => (manifest.kind === 'VirtualService' ? toSubset(manifest) : manifest));
  if (routed.some(({ kind }) => kind === 'VirtualService')) return routed;
  return [...routed, ...hosts.map((host) => subsetRoute(host, ports))];
}

function movedRule(manifest: Manifest, level: Level, { http, tcp, others }: RulePorts): Manifest {
  if (manifest.kind !== 'DestinationRule') return manifest;
  const { trafficPolicy = {}, ...spec } = manifest.spec as DestinationRuleSpec;
  const numbers = [...http, ...tcp, ...others];
  const policy: TrafficPolicy = level.isPort
    ? { portLevelSettings: numbers.map((number) => ({ port: { number }, ...trafficPolicy })) }
    : trafficPolicy;
  // No labels: the subset has all endpoints.
  const at = level.isSubset ? { subsets: [{ name: 'all', trafficPolicy: policy }] } : { trafficPolicy: policy };
  return { ...manifest, spec: { ...spec, ...at } };
}

function toSubset(manifest: Manifest): Manifest {
  const spec = manifest.spec as VirtualServiceSpec;
  const http = (spec.http ?? []).map((rule) => ({
    ...rule,
    route: (rule.route ?? []).map((one) => ({ ...one, destination: { ...one.destination, subset: 'all' } })),
  }));
  return { ...manifest, spec: { ...spec, http } };
}

/** Names the port of each destination: as in Istio, settings of a port decide on hashing only where a route names it. */
function subsetRoute(host: string, { http, tcp }: RulePorts): Manifest {
  const to = (number: number) => ({
    match: [{ port: number }],
    route: [{ destination: { host, subset: 'all', port: { number } } }],
  });
  return virtualService(`levels-${host.split('.')[0]}`, {
    hosts: [host],
    ...(http.length > 0 && { http: http.map(to) }),
    ...(tcp.length > 0 && { tcp: tcp.map(to) }),
  });
}
