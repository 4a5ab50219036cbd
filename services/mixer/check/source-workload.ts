// Who is behind a connection: what its address and certificate say, then what the registry (in this process's memory) has there.

import type { Endpoint } from '../../../events/model.ts';
import type { Address } from '../../../gen/envoy/config/core/v3/address_pb.js';
import type { AttributeValue } from '../../../mesh/policy/attributes.ts';
import { ipOf } from '../../../mesh/policy/expression/values.ts';
import type { RegistryView } from '../../../mesh/snapshot.ts';

/** The other end of a connection. */
export interface Source {
  readonly address: Address | undefined;
  /** Of its certificate: the first URI SAN; '' for none. */
  readonly principal: string;
  /** Undefined: not known. */
  readonly registry: RegistryView | undefined;
}

const spiffeScheme = 'spiffe://';

/** Value of a `source.…` attribute. */
export function sourceAttribute(name: string, source: Source): AttributeValue | undefined {
  const { address, principal } = source;
  switch (name) {
    case 'source.ip':
      return addressIp(address);
    case 'source.port':
      return addressPort(address);
    case 'source.principal':
    case 'source.user':
      return principal.startsWith(spiffeScheme) ? principal.slice(spiffeScheme.length) : undefined;
    case 'source.namespace': {
      const namespace = /^spiffe:\/\/[^/]+\/ns\/([^/]+)\/sa\/[^/]+$/.exec(principal)?.[1];
      return namespace ?? registeredAttribute(name, source);
    }
    default:
      return registeredAttribute(name, source);
  }
}

/** The IP address of an Envoy address, canonical. */
export function addressIp(address: Address | undefined): string | undefined {
  const socket = address?.address;
  return socket?.case === 'socketAddress' ? ipOf(socket.value.address) : undefined;
}

/** The port of an Envoy address. */
export function addressPort(address: Address | undefined): number | undefined {
  const socket = address?.address;
  const port = socket?.case === 'socketAddress' ? socket.value.portSpecifier : undefined;
  return port?.case === 'portValue' ? port.value : undefined;
}

/** What the connection itself does not tell; undefined where several workloads share the address. */
function registeredAttribute(name: string, source: Source): AttributeValue | undefined {
  const { registry } = source;
  const address = addressIp(source.address);
  if (address === undefined || registry === undefined) return undefined;
  const [first, ...others] = registry.instancesAt(address).map(({ endpoint }) => endpoint);
  if (first === undefined || others.some((other) => !isSameWorkload(first, other))) return undefined;
  const workload = first.labels['service.istio.io/canonical-name'] ?? first.labels.app;
  switch (name) {
    case 'source.labels':
      return first.labels;
    case 'source.name':
      return first.workload;
    case 'source.namespace':
    case 'source.workload.namespace':
      return first.namespace;
    case 'source.cluster.id':
      return first.clusterId;
    case 'source.service':
      return others.every(({ hostname }) => hostname === first.hostname) ? first.hostname : undefined;
    case 'source.uid':
      return first.workload === undefined ? undefined : `kubernetes://${first.workload}.${first.namespace}`;
    case 'source.workload.name':
      return workload;
    case 'source.workload.uid':
      return workload === undefined ? undefined : `istio://${first.namespace}/workloads/${workload}`;
    default:
      return undefined;
  }
}

function isSameWorkload(a: Endpoint, b: Endpoint): boolean {
  return a.namespace === b.namespace && a.workload !== undefined && a.workload === b.workload;
}
