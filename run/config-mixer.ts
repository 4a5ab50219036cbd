// The part of a process's configuration that is Mixer's.
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { MeshError } from '../lib/mesh-error.ts';
import { mixerPort } from '../mesh/policy/mixer-service.ts';
import type { MixerConfig } from '../services/mixer/mixer.ts';

/** Flags of `serve` and `up` for the role mixer. */
export interface MixerFlags {
  readonly mixerPort?: number;
  readonly mixerAddress?: string;
}

/** DESIGN.md's Public face; Istio's Mixer's. */
export const defaultMixerPort = mixerPort;

/** Undefined when Mixer is not wanted. Throws MeshError `usage` for what is wrong, or for flags of a Mixer that is not there. */
export function mixerConfigOf(
  flags: MixerFlags,
  means: { readonly wanted: boolean; readonly host: string; readonly addresses?: () => readonly string[] },
): MixerConfig | undefined {
  const { mixerPort: port = defaultMixerPort, mixerAddress } = flags;
  if (!means.wanted) {
    if (flags.mixerPort !== undefined || mixerAddress !== undefined)
      throw new MeshError('usage', '--mixer-port and --mixer-address need the role mixer');
    return undefined;
  }
  if (mixerAddress !== undefined && isIP(mixerAddress) === 0)
    throw new MeshError('usage', `--mixer-address "${mixerAddress}": give the IP address at which proxies reach Mixer`);
  return { port, address: mixerAddress ?? reachableAddress(means.host, means.addresses ?? ownAddresses) };
}

/** The address listened on or, where that is all of them or a name, the machine's first. */
function reachableAddress(host: string, addresses: () => readonly string[]): string {
  if (host === 'localhost') return '127.0.0.1';
  const isAll = host === '0.0.0.0' || host === '::' || isIP(host) === 0;
  if (!isAll) return host;
  const [first] = addresses();
  if (first === undefined)
    throw new MeshError('usage', 'this machine has no address but loopback: say --mixer-address');
  return first;
}

function ownAddresses(): readonly string[] {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const outer = all.filter(({ internal, address }) => !internal && !address.startsWith('fe80:'));
  return outer.sort((a, b) => (a.family < b.family ? -1 : 1)).map(({ address }) => address);
}
