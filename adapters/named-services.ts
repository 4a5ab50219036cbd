// What adapters of platforms without ports and hostnames of their own share: hostnames by rule, ports' protocols, labels in common, workloads.
import type { Endpoint, Protocol, Workload } from '../events/model.ts';
import { parseProtocol } from '../mesh/protocol.ts';

type Labels = Readonly<Record<string, string>>;

/** `rule` with its words replaced (`NAME.NS.svc.cluster.local` and `{ NAME: 'web', NS: 'default' }`), in lower case. */
export function hostnameByRule(rule: string, words: Labels): string {
  const pattern = new RegExp(`\\b(${Object.keys(words).join('|')})\\b`, 'g');
  return rule.replace(pattern, (word) => words[word] ?? '').toLowerCase();
}

/** Whether `name` can be a hostname; underscores are let pass, as DNS does. */
export function isDnsName(name: string): boolean {
  return name.length <= 253 && name.split('.').every((label) => /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label));
}

/** By what is declared, else by the port's name up to its first dash; `Unsupported` means: detect it. */
export function protocolOfPort(name: string, declared: string | undefined): Protocol {
  if (declared !== undefined && declared !== '') return parseProtocol(declared);
  const lower = name.toLowerCase();
  return lower.startsWith('grpc-web') ? 'GRPC-Web' : parseProtocol(lower.split('-')[0] ?? '');
}

/** 1 to 65535, or undefined. */
export function portNumber(text: string | undefined): number | undefined {
  const port = Number(text);
  return text !== undefined && /^\d{1,5}$/.test(text) && port > 0 && port < 65_536 ? port : undefined;
}

/** What all agree on. */
export function commonLabels(all: readonly Labels[]): Labels {
  const [first = {}, ...others] = all;
  return Object.fromEntries(
    Object.entries(first).filter(([key, value]) => others.every((labels) => labels[key] === value)),
  );
}

/** The workload behind an endpoint that is an instance by itself: what selectors by label find, as they find pods. Named as the endpoint says. */
export function workloadAt(endpoint: Endpoint): Workload {
  const { address, id, workload, namespace, platform, clusterId, ports, labels, health } = endpoint;
  const { serviceAccount, locality, network } = endpoint;
  return {
    ...{ name: workload ?? id, namespace, platform, addresses: [address], ports, labels, health },
    ...(clusterId && { clusterId }),
    ...(serviceAccount && { serviceAccount }),
    ...(locality && { locality }),
    ...(network && { network }),
  };
}
