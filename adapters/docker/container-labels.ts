// What a container's labels and exposed ports say about its service. README.md lists the labels.
import type { Protocol } from '../../events/model.ts';
import { compareStrings } from '../../mesh/compare.ts';
import { isDnsName, portNumber, protocolOfPort } from '../named-services.ts';
import type { DockerContainer } from './docker-types.ts';

type Labels = Readonly<Record<string, string>>;

/** Prefix of every label that Periplus reads, but for Compose's two. */
const prefix = 'periplus.io/';
const composeService = 'com.docker.compose.service';
const composeProject = 'com.docker.compose.project';

/** How names of containers become hostnames. */
export interface DockerMapping {
  /** Hostname with NAME, NS and PROJECT (of Compose, else the namespace) replaced. */
  readonly hostname: string;
}

/** Names as Kubernetes has them: a container may stand beside pods of the same service. */
export const defaultMapping: DockerMapping = { hostname: 'NAME.NS.svc.cluster.local' };

/** A port of the service and where the container has it. */
export interface DeclaredPort {
  readonly name: string;
  readonly port: number;
  readonly targetPort: number;
  readonly protocol: Protocol;
}

/** What a container is in the mesh. */
export interface Declared {
  readonly name: string;
  readonly namespace: string;
  readonly project: string | undefined;
  /** The labels don't name the service: Compose does. */
  readonly isNamedByCompose: boolean;
}

/** Whether the container wants to be in the mesh: it says so, or has one of the labels that make no sense otherwise. */
export function isInMesh(labels: Labels): boolean {
  const asked = labels[`${prefix}enable`];
  if (asked !== undefined) return asked === 'true';
  return Object.keys(labels).some((key) => key === `${prefix}service` || /^periplus\.io\/port(\.|$)/.test(key));
}

/** The service of a container with these labels; its own name stands in where there is no other. */
export function declaredBy(labels: Labels, containerName: string): Declared {
  const own = labels[`${prefix}service`];
  return {
    name: (own || labels[composeService] || containerName).toLowerCase(),
    namespace: (labels[`${prefix}namespace`] || 'default').toLowerCase(),
    project: labels[composeProject],
    isNamedByCompose: !own && labels[composeService] !== undefined,
  };
}

/** What `periplus.io/KEY` says, if anything. */
export function labelOf(labels: Labels, key: string): string | undefined {
  return labels[prefix + key] || undefined;
}

/**
 * The labels that subsets and selectors see: `app`, `version`, `periplus.io/label.KEY` as KEY, and Compose's service and project. The
 * others stay outside: people write passwords' hashes into labels of other programs.
 */
export function workloadLabels(labels: Labels, service: string): Labels {
  const result: Record<string, string> = { app: service };
  for (const key of [composeProject, composeService]) if (labels[key] !== undefined) result[key] = labels[key];
  const version = labels[`${prefix}version`];
  if (version) result.version = version;
  const more = `${prefix}label.`;
  for (const [key, value] of Object.entries(labels))
    if (key.startsWith(more) && key.length > more.length) result[key.slice(more.length)] = value;
  return result;
}

/** The ports by `periplus.io/port` (`8080`, or `80:8080`: the service's and the container's) and `periplus.io/port.NAME`, else the exposed ones. */
export function portsOf(container: DockerContainer): readonly DeclaredPort[] | { readonly problem: string } {
  const labels = container.Labels ?? {};
  const declared = labels[`${prefix}protocol`];
  const ports: DeclaredPort[] = [];
  for (const key of Object.keys(labels).sort(compareStrings)) {
    const match = /^periplus\.io\/port(?:\.(.+))?$/.exec(key);
    if (!match) continue;
    const [first, second, ...more] = (labels[key] ?? '').split(':');
    const port = portNumber(first?.trim());
    const targetPort = second === undefined ? port : portNumber(second.trim());
    if (port === undefined || targetPort === undefined || more.length > 0)
      return { problem: `label ${key}="${labels[key]}" is no port: give 8080, or 80:8080 (service:container)` };
    ports.push(namedPort(match[1], { port, targetPort, declared }));
  }
  return ports.length > 0 ? distinct(ports) : exposedPorts(container, declared);
}

function exposedPorts(container: DockerContainer, declared: string | undefined): readonly DeclaredPort[] {
  const numbers = (container.Ports ?? []).filter(({ Type }) => Type === 'tcp').map(({ PrivatePort }) => PrivatePort);
  const exposed = [...new Set(numbers)].sort((a, b) => a - b);
  return exposed.map((port) =>
    namedPort(exposed.length > 1 ? `port-${port}` : undefined, { port, targetPort: port, declared }),
  );
}

function namedPort(
  name: string | undefined,
  {
    declared,
    ...numbers
  }: { readonly port: number; readonly targetPort: number; readonly declared: string | undefined },
): DeclaredPort {
  const protocol = protocolOfPort(name ?? '', name === undefined || name.startsWith('port-') ? declared : undefined);
  return { name: name ?? (protocol === 'Unsupported' ? 'default' : protocol.toLowerCase()), protocol, ...numbers };
}

function distinct(ports: readonly DeclaredPort[]): readonly DeclaredPort[] | { readonly problem: string } {
  const numbers = new Set(ports.map(({ port }) => port));
  const names = new Set(ports.map(({ name }) => name));
  if (numbers.size === ports.length && names.size === ports.length) return ports;
  return { problem: 'two of its periplus.io/port labels declare the same port' };
}

/** Whether these words make a service that a proxy can address. */
export function problemOfName({ name, namespace }: Declared, hostname: string): string | undefined {
  if (!isDnsName(hostname)) return `"${hostname}" is no DNS name: set periplus.io/service or periplus.io/hostname`;
  if (!isDnsName(namespace)) return `namespace "${namespace}" is no DNS name: set periplus.io/namespace`;
  return name === '' ? 'it has no name' : undefined;
}
