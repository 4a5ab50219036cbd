// Containers of one engine as services, endpoints and workloads of the mesh. README.md lists the rules.
import type { Endpoint, Health, Service, Workload } from '../../events/model.ts';
import { compareStrings } from '../../mesh/compare.ts';
import type { Observed } from '../adapter.ts';
import { commonLabels, hostnameByRule } from '../named-services.ts';
import {
  type Declared,
  type DeclaredPort,
  type DockerMapping,
  declaredBy,
  defaultMapping,
  isInMesh,
  labelOf,
  portsOf,
  problemOfName,
  workloadLabels,
} from './container-labels.ts';
import type { DockerContainer } from './docker-types.ts';

/** The `platform` of what Docker shows. */
export const dockerPlatform = 'docker';

/** How the containers of an engine are read. */
export interface DockerRules {
  readonly mapping?: DockerMapping;
  /** Keeps several engines apart. */
  readonly clusterId?: string;
  /** Address of the engine's machine: endpoints are ports published there, instead of containers' own addresses. */
  readonly hostAddress?: string;
}

/** A container that belongs to the mesh, read. */
interface Member {
  readonly container: DockerContainer;
  readonly name: string;
  readonly declared: Declared;
  readonly hostname: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly ports: readonly DeclaredPort[];
}

/** What became of a list of containers. */
export interface TranslatedContainers {
  readonly items: readonly Observed[];
  /** By container name: why it is not in the mesh, or not wholly. */
  readonly problems: ReadonlyMap<string, string>;
}

/** See the file's first line. A service exists as long as a container that declares it does, whether it runs or not; endpoints run. */
export function translateContainers(
  containers: readonly DockerContainer[],
  rules: DockerRules = {},
): TranslatedContainers {
  const problems = new Map<string, string>();
  const members: Member[] = [];
  for (const container of [...containers].sort(byAge)) {
    const read = memberOf(container, rules);
    if (read === undefined) continue;
    if ('problem' in read) problems.set(nameOf(container), read.problem);
    else members.push(read);
  }
  const items: Observed[] = [];
  for (const [, group] of groups(members)) {
    const owner = group.find(({ container }) => isRunning(container)) ?? group[0];
    const those = group.filter((member) => !isStranger(member, owner));
    for (const member of group)
      if (!those.includes(member)) problems.set(member.name, strangeProblem(member, owner as Member));
    const service = serviceOf(those, rules);
    if (service === undefined) continue;
    items.push({ kind: 'service', value: service });
    for (const member of those) items.push(...instanceOf(member, service, { rules, problems }));
  }
  return { items, problems };
}

/** The keys under which the adapter remembers that a container with these labels was taken out by its engine. */
export function keysOf(
  name: string,
  labels: Readonly<Record<string, string>>,
  rules: DockerRules = {},
): KeysOfContainer {
  const declared = declaredBy(labels, name);
  return { container: name, service: `${declared.namespace}/${hostnameOf(declared, labels, rules)}` };
}

/** See keysOf. */
export interface KeysOfContainer {
  readonly container: string;
  /** `namespace/hostname`. */
  readonly service: string;
}

/** Its own name, without links' aliases. */
export function nameOf({ Names, Id }: DockerContainer): string {
  const own = Names.map((name) => name.replace(/^\//, '')).filter((name) => !name.includes('/'));
  return own.sort(compareStrings)[0] ?? Id.slice(0, 12);
}

/** Whether its processes live. */
export function isRunning({ State }: DockerContainer): boolean {
  return State === 'running' || State === 'paused';
}

function memberOf(container: DockerContainer, rules: DockerRules): Member | { readonly problem: string } | undefined {
  const labels = container.Labels ?? {};
  if (!isInMesh(labels)) return undefined;
  const name = nameOf(container);
  const declared = declaredBy(labels, name);
  const hostname = hostnameOf(declared, labels, rules);
  const problem = problemOfName(declared, hostname);
  if (problem !== undefined) return { problem };
  const ports = portsOf(container);
  if ('problem' in ports) return ports;
  if (ports.length === 0) {
    // The engine lists exposed ports of what runs alone.
    if (!isRunning(container)) return undefined;
    return { problem: 'neither has it a label periplus.io/port nor does it expose a TCP port' };
  }
  return { container, name, declared, hostname, ports, labels: workloadLabels(labels, declared.name) };
}

function hostnameOf(declared: Declared, labels: Readonly<Record<string, string>>, { mapping }: DockerRules): string {
  const { name, namespace, project } = declared;
  const words = { NAME: name, NS: namespace, PROJECT: project ?? namespace };
  return labelOf(labels, 'hostname')?.toLowerCase() ?? hostnameByRule((mapping ?? defaultMapping).hostname, words);
}

function groups(members: readonly Member[]): readonly (readonly [string, readonly Member[]])[] {
  const byKey = new Map<string, Member[]>();
  for (const member of members) {
    const key = `${member.declared.namespace}/${member.hostname}`;
    const list = byKey.get(key);
    if (list) list.push(member);
    else byKey.set(key, [member]);
  }
  return [...byKey].sort(([a], [b]) => compareStrings(a, b));
}

/** Two projects of Compose may both have a `db` without meaning one service. */
function isStranger({ declared }: Member, owner: Member | undefined): boolean {
  if (owner === undefined || declared.project === owner.declared.project) return false;
  return declared.isNamedByCompose || owner.declared.isNamedByCompose;
}

function strangeProblem({ declared, hostname }: Member, { declared: { project } }: Member): string {
  return `Compose project "${project ?? ''}" has ${hostname} already: set periplus.io/service (to share it) or periplus.io/namespace in "${declared.project ?? ''}"`;
}

function serviceOf(members: readonly Member[], { clusterId }: DockerRules): Service | undefined {
  const first = members.find(({ container }) => isRunning(container)) ?? members[0];
  if (first === undefined) return undefined;
  return {
    hostname: first.hostname,
    name: first.declared.name,
    namespace: first.declared.namespace,
    platform: dockerPlatform,
    ...(clusterId && { clusterId }),
    addresses: [],
    ports: first.ports.map(({ name, port, protocol }) => ({ name, port, protocol })),
    labels: commonLabels(members.map(({ labels }) => labels)),
    resolution: 'STATIC',
    location: 'MESH_INTERNAL',
  };
}

function instanceOf(
  member: Member,
  service: Service,
  { rules, problems }: { readonly rules: DockerRules; readonly problems: Map<string, string> },
): readonly Observed[] {
  const { container, name, labels } = member;
  if (!isRunning(container)) return [];
  const place = placeOf(member, rules.hostAddress);
  if ('problem' in place) {
    problems.set(name, place.problem);
    return [];
  }
  const raw = container.Labels ?? {};
  const { hostname, namespace, platform, clusterId } = service;
  const weight = Number(labelOf(raw, 'weight'));
  const locality = labelOf(raw, 'locality');
  const serviceAccount = labelOf(raw, 'service-account');
  const shared = {
    namespace,
    platform,
    ...(clusterId && { clusterId }),
    labels,
    health: healthOf(container),
    ports: place.ports,
    ...(locality && { locality }),
    ...(place.network && { network: place.network }),
    ...(serviceAccount && { serviceAccount }),
  };
  const endpoint: Endpoint = {
    ...shared,
    ...{ id: name, hostname, address: place.address, workload: name },
    ...(Number.isInteger(weight) && weight > 1 && { weight }),
  };
  const workload: Workload = {
    ...shared,
    name,
    addresses: [place.address],
    ...(container.Created !== undefined && { createdAt: new Date(container.Created * 1_000).toISOString() }),
  };
  return [
    { kind: 'endpoint', value: endpoint },
    { kind: 'workload', value: workload },
  ];
}

/** Where the container is reached. */
type Place =
  | { readonly address: string; readonly ports: Readonly<Record<string, number>>; readonly network?: string }
  | { readonly problem: string };

function placeOf({ container, ports }: Member, hostAddress: string | undefined): Place {
  const own = Object.fromEntries(ports.map(({ name, targetPort }) => [name, targetPort]));
  if (container.HostConfig?.NetworkMode === 'host')
    return hostAddress === undefined
      ? { problem: 'it has the network of its host: say the address of that with --docker-host-address' }
      : { address: hostAddress, ports: own };
  if (hostAddress !== undefined) return publishedPlace(container, { ports, hostAddress });
  const wanted = labelOf(container.Labels ?? {}, 'network');
  const networks = Object.entries(container.NetworkSettings?.Networks ?? {}).sort(([a], [b]) => compareStrings(a, b));
  for (const [network, at] of networks) {
    const address = at?.IPAddress || at?.GlobalIPv6Address;
    if (address && (wanted === undefined || wanted === network)) return { address, ports: own, network };
  }
  const which = wanted === undefined ? 'no network' : `no network "${wanted}"`;
  return { problem: `it has an address in ${which}; it is in: ${networks.map(([name]) => name).join(', ') || 'none'}` };
}

function publishedPlace(
  { Ports }: DockerContainer,
  { ports, hostAddress }: { readonly ports: readonly DeclaredPort[]; readonly hostAddress: string },
): Place {
  const published = ports.flatMap(({ name, targetPort }) => {
    const at = Ports?.find(
      ({ PrivatePort, Type, PublicPort }) => PrivatePort === targetPort && Type === 'tcp' && PublicPort,
    );
    return at?.PublicPort === undefined ? [] : [[name, at.PublicPort] as const];
  });
  if (published.length === 0) return { problem: 'none of its ports is published, as --docker-host-address asks for' };
  return { address: hostAddress, ports: Object.fromEntries(published) };
}

/** Whoever has a health check is given traffic when that says so; a paused process answers nobody. */
function healthOf({ State, Status = '' }: DockerContainer): Health {
  if (State === 'paused' || /\((unhealthy|health: starting|Paused)\)/.test(Status)) return 'unhealthy';
  return 'healthy';
}

/** Oldest first; the engine lists the newest first, within a second in no promised order. */
function byAge(a: DockerContainer, b: DockerContainer): number {
  return (a.Created ?? 0) - (b.Created ?? 0) || compareStrings(nameOf(a), nameOf(b));
}
