// Settings as an agent applies them to its Envoy: threads, environment variables and node metadata. Pure.
import type { ProxySettings } from '../mesh/config/schemas/agent-settings.ts';
import { type Json, type ProxyIdentity, proxyNode } from './proxy-node.ts';

/** Variables of this prefix are node metadata of Istio's, without it. */
const metadataPrefix = 'ISTIO_META_';
/** The dynamic linker's: they would run other code in Envoy's place. */
const linkerPrefix = 'LD_';

/** Variables for Envoy. */
export function environmentOf({ proxyMetadata = {} }: ProxySettings): Readonly<Record<string, string>> {
  const taken = Object.entries(proxyMetadata).filter(([name]) => /^[A-Za-z_]\w*$/.test(name));
  return Object.fromEntries(taken.filter(([name]) => !name.startsWith(linkerPrefix)));
}

/** `identity` with the metadata that variables give; what is known of the workload itself they do not change. */
export function withMetadata(identity: ProxyIdentity, settings: ProxySettings): ProxyIdentity {
  const known = proxyNode(identity).metadata as Readonly<Record<string, Json>>;
  const given = Object.entries(environmentOf(settings))
    .filter(([name]) => name.startsWith(metadataPrefix))
    .map(([name, value]) => [name.slice(metadataPrefix.length), value] as const)
    .filter(([name]) => name !== '' && !(name in known));
  return given.length === 0
    ? identity
    : { ...identity, metadata: { ...Object.fromEntries(given), ...identity.metadata } };
}

/** Worker threads: 0 means one a core, of which there are `cores`. Default 2, as in Istio: a sidecar's share of a machine, not the machine. */
export function concurrencyOf({ concurrency }: ProxySettings, cores: number): number {
  return concurrency === 0 ? cores : (concurrency ?? 2);
}
