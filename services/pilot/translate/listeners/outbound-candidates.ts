// Every service and port that may become an outbound listener, with the address it would be bound to.
import { isIP } from 'node:net';
import { type Service, serviceKey } from '../../../../events/model.ts';
import { virtualInboundPort, virtualOutboundPort } from '../names.ts';
import type { ProxyContext } from '../proxy-context.ts';
import type { EgressScope } from '../proxy-scope.ts';
import { isAlias, type NamedService, withAliases } from '../routes/aliases.ts';
import type { Lookups } from '../routes/lookups.ts';
import { isHttp, type ListenerPortProtocol, listenerKind, parsePortProtocol } from '../routes/protocol.ts';
import type { VirtualService } from '../routes/resolve-virtual-service.ts';
import { isUnixSocket, localhostOf, wildcardAddress, wildcardOf } from './address.ts';

/** One service at one port of one listener. */
export interface Candidate {
  /** Index in the scope's egress listeners. */
  readonly egress: number;
  readonly service: NamedService;
  readonly port: CandidatePort;
  readonly bind: string;
  readonly bindToPort: boolean;
  /** Destination ranges, where the service's address is one. */
  readonly cidrs: readonly string[];
  readonly virtualServices: readonly VirtualService[];
}

interface CandidatePort {
  readonly name: string;
  readonly port: number;
  readonly protocol: ListenerPortProtocol;
}

/** Ports that belong to Istio's own listeners and the agent's on the wildcard address. */
const reservedPorts: ReadonlySet<number> = new Set([virtualOutboundPort, virtualInboundPort, 15021, 15090]);

/** The candidates of one egress listener, oldest service first. */
export function* candidates(
  index: number,
  virtualServices: readonly VirtualService[],
  lookups: Lookups,
): Generator<Candidate> {
  const egress = lookups.scope.egress[index];
  if (egress === undefined) return;
  const { context } = lookups.scope;
  const { bind, bindToPort } = binding(egress, context);
  const listenerPort = egress.listener?.port;
  for (const service of withAliases(egress.services, lookups.memo)) {
    // A listener for another name would take what is meant for any address: connections go to its target's.
    if (isAlias(service)) continue;
    const ports: readonly CandidatePort[] = listenerPort
      ? [
          {
            name: listenerPort.name ?? '',
            port: listenerPort.number ?? 0,
            protocol: parsePortProtocol(listenerPort.protocol),
          },
        ]
      : service.ports;
    for (const port of ports) {
      if (isReserved(bind, port, wildcardOf(context))) continue;
      for (const address of addressesFor(service, port, bind, lookups)) {
        yield { egress: index, service, port, bindToPort, virtualServices, ...address };
      }
    }
  }
}

/** A bind of '' means: the service's own address. Without interception, or with captureMode NONE, ports are real. */
function binding({ listener }: EgressScope, context: ProxyContext): { bind: string; bindToPort: boolean } {
  const bind = listener?.bind ?? '';
  const bindToPort = context.interceptionMode === 'NONE' || listener?.captureMode === 'NONE' || isUnixSocket(bind);
  return { bind: bind === '' && bindToPort ? localhostOf(context) : bind, bindToPort };
}

function isReserved(bind: string, { port, protocol }: CandidatePort, wildcard: string): boolean {
  const isWildcard = bind === wildcard || (bind === '' && isHttp(protocol));
  return isWildcard && reservedPorts.has(port);
}

interface Bound {
  readonly bind: string;
  readonly cidrs: readonly string[];
}

function addressesFor(service: Service, port: CandidatePort, bind: string, lookups: Lookups): readonly Bound[] {
  if (bind !== '') return [{ bind, cidrs: [] }];
  const wildcard = wildcardOf(lookups.scope.context);
  if (listenerKind(port.protocol) === 'http') return [{ bind: wildcard, cidrs: [] }];
  if (hasInstanceListeners(service)) {
    const instances = instanceAddresses(service, port, lookups);
    // What lists no endpoints and selects none is meant for any address; otherwise they are yet to come.
    const takesAny = service.platform !== 'kubernetes' && instances.length === 0 && service.selector === undefined;
    if (!takesAny) {
      const own = lookups.scope.context.addresses[0];
      return instances.filter((address) => address !== own).map((address) => ({ bind: address, cidrs: [] }));
    }
  }
  const listed = service.addresses.length > 0 ? service.addresses : [wildcardAddress];
  const addresses = listed.map((address) => (address === wildcardAddress ? wildcard : address));
  const ranges = addresses.filter((address) => address.includes('/'));
  return [
    ...addresses.filter((address) => !address.includes('/')).map((address) => ({ bind: address, cidrs: [] })),
    ...(ranges.length > 0 ? [{ bind: wildcard, cidrs: ranges }] : []),
  ];
}

/** Whether clients connect to the endpoints' own addresses, and there is no address of the service. */
export function hasInstanceListeners(service: Service): boolean {
  const isPassthrough = service.headless === true || service.resolution === 'NONE';
  return isPassthrough && service.addresses.every((address) => address === wildcardAddress);
}

function instanceAddresses(service: Service, port: CandidatePort, lookups: Lookups): readonly string[] {
  const endpoints = lookups.scope.snapshot.registry.endpoints(serviceKey(service));
  const addresses = endpoints
    .filter(({ ports, address }) => ports[port.name] !== undefined && isIP(address) !== 0)
    .map(({ address }) => address);
  return [...new Set(addresses)];
}
