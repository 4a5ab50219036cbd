// Istio's `meshNetworks` document (istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshNetworks): which network endpoints are on, and the
// gateways by which each network is reached from the others.
import { BlockList, isIP } from 'node:net';
import type { Endpoint, Service } from '../../events/model.ts';
import { checkSchema } from './check-schema.ts';
import type { Path, Report } from './problem.ts';
import { list, map, object, type Static, text, uint32 } from './schemas/schema.ts';

const gatewaySchema = object({ registryServiceName: text, address: text, port: uint32, locality: text });
const networkSchema = object({
  endpoints: list(object({ fromCidr: text, fromRegistry: text })),
  gateways: list(gatewaySchema),
});
const meshNetworksSchema = object({ networks: map(networkSchema) });

/** The document as its users write it. */
export interface MeshNetworksSpec extends Static<typeof meshNetworksSchema> {}

/** Where a network is reached from others: a gateway that passes mutual TLS on by its SNI (AUTO_PASSTHROUGH). */
export interface NetworkGateway {
  readonly address: string;
  readonly port: number;
  /** `region/zone/subzone`; absent: that of the endpoints behind it. */
  readonly locality?: string;
  /** Cluster whose Service it is; absent: an address of `meshNetworks`, which is of none. */
  readonly cluster?: string;
}

type NetworkSpec = Static<typeof networkSchema>;

/** Networks by name; gateways that Services stand for have the `cluster` that the Service is in. */
export type MeshNetworks = Readonly<
  Record<
    string,
    Omit<NetworkSpec, 'gateways'> & {
      readonly gateways?: readonly (Static<typeof gatewaySchema> & { readonly cluster?: string })[];
    }
  >
>;

/** Istio's port of gateways for other networks. */
const defaultPort = 15_443;

/** Istio's name for the only cluster: what endpoints and Services of none are in. */
export const defaultCluster = 'Kubernetes';

/** Reports what is wrong with the document at `path` and returns it normalised. */
export function checkMeshNetworks(document: unknown, path: Path, report: Report): MeshNetworksSpec {
  const spec = checkSchema(meshNetworksSchema, document, path, { report }) as MeshNetworksSpec;
  for (const [name, network] of Object.entries(spec.networks ?? {})) {
    const at = [...path, 'networks', name];
    network.endpoints?.forEach(({ fromCidr, fromRegistry }, i) => {
      if ((fromCidr === undefined) === (fromRegistry === undefined))
        report([...at, 'endpoints', i], 'expected one of fromCidr and fromRegistry');
      else if (fromCidr !== undefined && cidrOf(fromCidr) === undefined)
        report([...at, 'endpoints', i, 'fromCidr'], `expected an address with a prefix length, found ${fromCidr}`);
    });
    network.gateways?.forEach(({ address, registryServiceName, port }, i) => {
      if ((address === undefined) === (registryServiceName === undefined))
        report([...at, 'gateways', i], 'expected one of address and registryServiceName');
      else if (address !== undefined && isIP(address) === 0)
        report([...at, 'gateways', i, 'address'], `expected an IP address, found ${address}: names are not looked up`);
      if (port !== undefined && (port < 1 || port > 65_535))
        report([...at, 'gateways', i, 'port'], `expected 1 to 65535, found ${port}`);
    });
  }
  return spec;
}

/** The network of an endpoint: its own, else that of its registry (cluster), else that of its address; '' where nothing says. */
export function networkOf(
  { network, clusterId, address }: Pick<Endpoint, 'network' | 'clusterId' | 'address'>,
  networks: MeshNetworks = {},
): string {
  if (network) return network;
  const all = Object.entries(networks);
  const isOf = (of: (rule: { fromCidr?: string; fromRegistry?: string }) => boolean) =>
    all.find(([, { endpoints = [] }]) => endpoints.some(of))?.[0];
  const byRegistry = isOf(({ fromRegistry }) => fromRegistry === (clusterId || defaultCluster));
  return byRegistry ?? isOf(({ fromCidr }) => fromCidr !== undefined && isWithin(address, fromCidr)) ?? '';
}

/** A network's gateways in order of their addresses; empty where it is reached directly. */
export function gatewaysOf(network: string, networks: MeshNetworks = {}): readonly NetworkGateway[] {
  const gateways = Object.hasOwn(networks, network) ? (networks[network]?.gateways ?? []) : [];
  return gateways
    .flatMap(({ address, port = defaultPort, locality, cluster }) =>
      address === undefined
        ? []
        : [{ address, port, ...(locality !== undefined && { locality }), ...(cluster && { cluster }) }],
    )
    .sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : a.port - b.port));
}

/** The gateways for endpoints of a cluster: those that the cluster itself has, else all of the network (istiod's selectNetworkGateways). */
export function gatewaysFor(
  { network, clusterId }: Pick<Endpoint, 'network' | 'clusterId'>,
  networks: MeshNetworks,
): readonly NetworkGateway[] {
  const all = gatewaysOf(network ?? '', networks);
  const own = all.filter(({ cluster }) => cluster === (clusterId || defaultCluster));
  return own.length > 0 ? own : all;
}

/**
 * `networks` with the gateways that Services stand for: those labelled with their network, whose port is 15443 or that of their label, and those that
 * `registryServiceName` names in a network of their own cluster (istiod's networkManager). All sources count alike, each gateway once.
 * Addresses alone: names of load balancers are not looked up.
 */
export function withServiceGateways(
  networks: MeshNetworks | undefined,
  services: Iterable<Service>,
): MeshNetworks | undefined {
  const merged = new Map(Object.entries(networks ?? {}));
  for (const service of services) {
    const cluster = service.clusterId || defaultCluster;
    const addresses = (service.externalAddresses ?? []).filter((address) => isIP(address) !== 0);
    for (const { network, port } of servedNetworks(service, cluster, networks)) {
      const { gateways = [], ...rest } = merged.get(network) ?? {};
      const isNew = (address: string) =>
        !gateways.some((known) => known.address === address && known.port === port && known.cluster === cluster);
      const found = addresses.filter(isNew).map((address) => ({ address, port, cluster }));
      if (found.length > 0) merged.set(network, { ...rest, gateways: [...gateways, ...found] });
    }
  }
  return merged.size === 0 ? networks : Object.fromEntries(merged);
}

/** The networks that a Service is a gateway of. A label goes before `registryServiceName`, also where the Service lacks its port. */
function servedNetworks(
  { labels, ports, hostname }: Service,
  cluster: string,
  networks: MeshNetworks = {},
): readonly { readonly network: string; readonly port: number }[] {
  const network = labels['topology.istio.io/network'] ?? '';
  if (network !== '') {
    const label = labels['networking.istio.io/gatewayPort'] ?? '';
    const port = /^\d+$/.test(label) ? Number(label) : defaultPort;
    return ports.some((offered) => offered.port === port) ? [{ network, port }] : [];
  }
  return Object.entries(networks)
    .filter(([, { endpoints = [] }]) => endpoints.some(({ fromRegistry }) => fromRegistry === cluster))
    .flatMap(([name, { gateways = [] }]) =>
      gateways
        .filter(({ registryServiceName }) => registryServiceName === hostname)
        .map(({ port = defaultPort }) => ({ network: name, port })),
    );
}

function cidrOf(cidr: string): { readonly address: string; readonly bits: number } | undefined {
  const [, address = '', bits = ''] = /^(.+)\/(\d{1,3})$/.exec(cidr) ?? [];
  const version = isIP(address);
  return version === 0 || Number(bits) > (version === 4 ? 32 : 128) ? undefined : { address, bits: Number(bits) };
}

function isWithin(address: string, cidr: string): boolean {
  const known = cidrOf(cidr);
  const version = isIP(address);
  if (known === undefined || version === 0 || version !== isIP(known.address)) return false;
  const family = version === 6 ? 'ipv6' : 'ipv4';
  const networks = new BlockList();
  networks.addSubnet(known.address, known.bits, family);
  return networks.check(address, family);
}
