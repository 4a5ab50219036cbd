// The iptables rules that bring an application's TCP traffic to its Envoy, as Istio's istio-init sets them. Pure.

/** What is captured; ports and addresses left out go where the application sent them. */
export interface InterceptionOptions {
  /** The proxy's user and group ids: their own traffic must pass, or it would come back to them for ever. Istio's 1337. */
  readonly proxyIds: readonly number[];
  /** Envoy's virtualOutbound listener. Istio's 15001. */
  readonly outboundPort: number;
  /** Envoy's virtualInbound listener. Istio's 15006. */
  readonly inboundPort: number;
  /** Ports of this machine that callers reach directly: the agent's and Envoy's own, and the user's. */
  readonly excludedInboundPorts: readonly number[];
  /** Ports elsewhere that the application reaches directly. */
  readonly excludedOutboundPorts: readonly number[];
  /** IPv4 ranges (CIDR) that the application reaches directly. */
  readonly excludedOutboundRanges: readonly string[];
}

/** Envoy's admin interface (15000), HBONE (15008), the agent's status (15020), readiness (15021) and Envoy's metrics (15090). */
export const ownInboundPorts: readonly number[] = [15000, 15008, 15020, 15021, 15090];

/** What Istio captures when it is told nothing. */
export const defaultInterception: InterceptionOptions = {
  proxyIds: [1337],
  outboundPort: 15001,
  inboundPort: 15006,
  excludedInboundPorts: ownInboundPorts,
  excludedOutboundPorts: [],
  excludedOutboundRanges: [],
};

/** The rules in two parts, because a second application of them may replace chains of ours but must not add the jumps again. */
export interface InterceptionRules {
  /** `:NAME - [0:0]` lines, which also empty a chain that is there already. */
  readonly chains: readonly string[];
  /** Rules inside our chains. */
  readonly rules: readonly string[];
  /** From the kernel's chains into ours. */
  readonly jumps: readonly string[];
}

/** Chains of ours in the table nat. */
const chains = {
  inbound: 'PERIPLUS_INBOUND',
  toInbound: 'PERIPLUS_IN_REDIRECT',
  outbound: 'PERIPLUS_OUTPUT',
  toOutbound: 'PERIPLUS_REDIRECT',
} as const;

/** Address that Envoy calls its application from, so that the call is told apart from a captured one (Istio's InboundPassthroughBindIpv4). */
const inboundSource = '127.0.0.6/32';
const loopback = '127.0.0.1/32';

/** The rules for `options`, in the order in which the kernel asks them. */
export function interceptionRules(options: InterceptionOptions): InterceptionRules {
  return {
    chains: Object.values(chains).map((name) => `:${name} - [0:0]`),
    rules: [
      `-A ${chains.toOutbound} -p tcp -j REDIRECT --to-ports ${options.outboundPort}`,
      `-A ${chains.toInbound} -p tcp -j REDIRECT --to-ports ${options.inboundPort}`,
      ...unique(options.excludedInboundPorts).map((port) => `-A ${chains.inbound} -p tcp --dport ${port} -j RETURN`),
      `-A ${chains.inbound} -p tcp -j ${chains.toInbound}`,
      ...outboundRules(options),
    ],
    jumps: [`-A PREROUTING -p tcp -j ${chains.inbound}`, `-A OUTPUT -p tcp -j ${chains.outbound}`],
  };
}

function outboundRules(options: InterceptionOptions): readonly string[] {
  const rule = (match: string, target: string) => `-A ${chains.outbound} ${match} -j ${target}`;
  const ids = unique(options.proxyIds).flatMap((id) => [`--uid-owner ${id}`, `--gid-owner ${id}`]);
  return [
    rule(`-s ${inboundSource} -o lo`, 'RETURN'),
    ...unique(options.excludedOutboundPorts).map((port) => rule(`-p tcp --dport ${port}`, 'RETURN')),
    // The proxy calls its own instance by the address in the registry: that request arrives as any other would.
    ...ids.map((owner) => rule(`-o lo ! -d ${loopback} -m owner ${owner}`, chains.toInbound)),
    // Loopback is the application talking to itself, and the proxy's own calls go out as they are.
    ...ids.map((owner) => rule(`-m owner ${owner}`, 'RETURN')),
    rule('-o lo', 'RETURN'),
    rule(`-d ${loopback}`, 'RETURN'),
    ...options.excludedOutboundRanges.map((range) => rule(`-d ${range}`, 'RETURN')),
    `-A ${chains.outbound} -j ${chains.toOutbound}`,
  ];
}

/** Input of `iptables-restore --noflush`. `present`: what `iptables-save -t nat` says; jumps that are there are not added again. */
export function restoreText({ chains: names, rules, jumps }: InterceptionRules, present = ''): string {
  const there = new Set(present.split('\n').map((line) => line.trim()));
  const missing = jumps.filter((jump) => !there.has(jump));
  return `${['*nat', ...names, ...rules, ...missing, 'COMMIT'].join('\n')}\n`;
}

function unique(values: readonly number[]): readonly number[] {
  return [...new Set(values)].sort((a, b) => a - b);
}
