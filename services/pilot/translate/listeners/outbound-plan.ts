// Decides which outbound listeners a sidecar has and what each of them carries: one entry a bind address and port.
import { listenerName } from '../names.ts';
import { type Lookups, ruleLabels } from '../routes/lookups.ts';
import { isHttp, type ListenerPortProtocol, listenerKind } from '../routes/protocol.ts';
import { canonicalRange, wildcardOf } from './address.ts';
import { type L4Chain, l4Chains } from './l4-chains.ts';
import { type Candidate, candidates } from './outbound-candidates.ts';
import { headlessEndpoints, l4Labels, l4VirtualServices } from './outbound-inputs.ts';

/** A route configuration that a listener asks for. */
export interface RouteName {
  readonly name: string;
  /** Port whose services it has; 0, for a forward proxy or a Unix socket: all. */
  readonly port: number;
  /** Index in the scope's egress listeners. */
  readonly egress: number;
  /** Hostname of the one service behind a `host:port` listener with protocol detection. */
  readonly onlyHost: string | undefined;
}

/** A chain for HTTP. */
export interface HttpChain {
  readonly kind: 'http';
  readonly rds: RouteName;
  readonly protocol: ListenerPortProtocol;
  /** Only for connections that the HTTP inspector found to be plain HTTP. */
  readonly isDetected: boolean;
}

/** One outbound listener. */
export interface OutboundEntry {
  readonly name: string;
  readonly bind: string;
  readonly port: number;
  readonly bindToPort: boolean;
  readonly chains: readonly (HttpChain | L4Chain)[];
}

interface MutableEntry extends Omit<OutboundEntry, 'chains'> {
  chains: (HttpChain | L4Chain)[];
  protocol: ListenerPortProtocol;
  /** Made by a listener with a port of its own: the catch-all listener adds nothing to it. */
  isLocked: boolean;
}

/** The outbound listeners of a sidecar; the same array while nothing they read changes, and for all proxies that read the same. */
export function outboundPlan(lookups: Lookups): readonly OutboundEntry[] {
  const { scope, memo } = lookups;
  const { context, snapshot } = scope;
  const l4 = scope.egress.map((egress) => l4VirtualServices(egress, lookups));
  const headless = headlessEndpoints(lookups);
  const labels = `${l4Labels(l4, lookups)};${ruleLabels(lookups)}`;
  const inputs = scope.egress.flatMap(({ listener, services }, index) => [listener, services, l4[index]]);
  const ownAddress = headless.length > 0 ? context.addresses[0] : undefined;
  const isNone = context.interceptionMode === 'NONE';
  const rules = snapshot.config.list('DestinationRule');
  const deps = [
    ...inputs,
    headless,
    rules,
    snapshot.mesh,
    isNone,
    ownAddress,
    context.namespace,
    labels,
    context.isIpv6Only,
  ];
  return memo.get('outbound-plan', deps, () => {
    const entries = new Map<string, MutableEntry>();
    scope.egress.forEach((egress, index) => {
      if (egress.listener?.port === undefined) for (const entry of entries.values()) entry.isLocked = true;
      for (const candidate of candidates(index, l4[index] ?? [], lookups)) addCandidate(candidate, entries, lookups);
    });
    return [...entries.values()];
  });
}

/**
 * Adds one service at one port. Older services come first and keep what they have: HTTP services share a listener, TCP
 * chains are added where their matches differ, and HTTP and TCP on one port become a listener that detects the protocol.
 */
function addCandidate(candidate: Candidate, entries: Map<string, MutableEntry>, lookups: Lookups): void {
  const { bind, port } = candidate;
  const key = listenerName(bind, port.port);
  const current = entries.get(key);
  const kind = listenerKind(port.protocol);
  if (kind === undefined || current?.isLocked) return;
  if (current === undefined) {
    const { chains, protocol } = newChains(candidate, kind, lookups);
    const { bindToPort } = candidate;
    entries.set(key, { name: key, bind, port: port.port, bindToPort, chains, protocol, isLocked: false });
    return;
  }
  // HTTP services are told apart by their routes: the listener is there already.
  if (kind === 'http' && !isTcp(current.protocol)) return;
  if (isServerFirst(port.protocol, current.protocol)) return;
  if (kind === 'auto' && isHttp(current.protocol)) {
    const { chains, protocol } = newChains(candidate, kind, lookups);
    Object.assign(current, { chains, protocol });
    return;
  }
  // A listener that detects has its HTTP chain: only the bytes of the newcomer are missing.
  const detects = current.protocol === 'Unsupported';
  const incoming = detects ? l4Of(candidate, lookups) : newChains(candidate, kind, lookups).chains;
  current.chains = withoutOverlaps([...current.chains, ...incoming]);
  if (!(kind === 'tcp' && isTcp(current.protocol))) current.protocol = 'Unsupported';
}

function newChains(
  candidate: Candidate,
  kind: 'http' | 'tcp' | 'auto',
  lookups: Lookups,
): { chains: (HttpChain | L4Chain)[]; protocol: ListenerPortProtocol } {
  const { protocol } = candidate.port;
  const wildcard = wildcardOf(lookups.scope.context);
  if (kind === 'tcp') return { chains: withoutOverlaps(l4Of(candidate, lookups)), protocol };
  // A wildcard listener also gets what is no HTTP at all, on its way to hosts outside the registry.
  const isDetected = protocol !== 'HTTP_PROXY' && (kind === 'auto' || candidate.bind === wildcard);
  const http: HttpChain = { kind: 'http', rds: routeName(candidate, kind, wildcard), protocol, isDetected };
  const chains = kind === 'auto' ? withoutOverlaps([...l4Of(candidate, lookups), http]) : [http];
  return { chains, protocol: isDetected ? 'Unsupported' : protocol };
}

function routeName({ bind, port, service, egress }: Candidate, kind: 'http' | 'auto', wildcard: string): RouteName {
  if (port.port === 0) return { name: bind, port: 0, egress, onlyHost: undefined };
  if (kind === 'auto' && bind !== wildcard) {
    const onlyHost = service.hostname;
    return { name: `${onlyHost}:${port.port}`, port: port.port, egress, onlyHost };
  }
  const servesAll = port.protocol === 'HTTP_PROXY';
  return { name: String(port.port), port: servesAll ? 0 : port.port, egress, onlyHost: undefined };
}

function l4Of({ service, port, bind, cidrs, virtualServices }: Candidate, lookups: Lookups): L4Chain[] {
  return l4Chains({ service, port: port.port, protocol: port.protocol, bind, cidrs, virtualServices }, lookups);
}

function isTcp(protocol: ListenerPortProtocol): boolean {
  return listenerKind(protocol) === 'tcp';
}

/** Detection would wait for bytes that such clients never send first. */
function isServerFirst(incoming: ListenerPortProtocol, existing: ListenerPortProtocol): boolean {
  const isOne = (protocol: ListenerPortProtocol) => protocol === 'Mongo' || protocol === 'MySQL';
  return incoming !== existing && (isOne(incoming) || isOne(existing));
}

/** Envoy rejects a listener where one connection matches two chains equally: the first keeps what both ask for. */
function withoutOverlaps(chains: readonly (HttpChain | L4Chain)[]): (HttpChain | L4Chain)[] {
  const taken = new Set<string>();
  const out: (HttpChain | L4Chain)[] = [];
  for (const chain of chains) {
    const key = chain.kind === 'http' && chain.isDetected ? 'http' : '* *';
    const free = chain.kind === 'l4' ? freePart(chain, taken) : taken.has(key) ? undefined : chain;
    if (free?.kind === 'http') taken.add(key);
    if (free) out.push(free);
  }
  return out;
}

/** What of a chain is not taken yet, which it then takes: its free names, or its free ranges where all its names are taken. */
function freePart(chain: L4Chain, taken: Set<string>): L4Chain | undefined {
  const ranges = new Map(chain.cidrs.map((cidr) => [canonicalRange(cidr), cidr]));
  const names = new Set(chain.sniHosts.includes('*') ? [] : chain.sniHosts);
  const allRanges = ranges.size > 0 ? [...ranges.keys()] : ['*'];
  const allNames = names.size > 0 ? [...names] : ['*'];
  const isFree = (range: string, name: string) => !taken.has(`${range} ${name}`);
  const freeNames = allNames.filter((name) => allRanges.every((range) => isFree(range, name)));
  const keptNames = freeNames.length > 0 ? freeNames : allNames;
  const keptRanges = allRanges.filter((range) => keptNames.every((name) => isFree(range, name)));
  if (keptRanges.length === 0) return undefined;
  for (const range of keptRanges) for (const name of keptNames) taken.add(`${range} ${name}`);
  const cidrs = keptRanges.flatMap((range) => ranges.get(range) ?? []);
  const sniHosts = keptNames.filter((name) => name !== '*');
  const isWhole = cidrs.length === chain.cidrs.length && sniHosts.length === chain.sniHosts.length;
  return isWhole ? chain : { ...chain, sniHosts, cidrs };
}
