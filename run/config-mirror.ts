// The part of a process's configuration that is the mirror's.
import { type KafkaAddress, parseKafkaUrl } from '../events/mirror/kafka-url.ts';
import { MeshError } from '../lib/mesh-error.ts';

/** Flags of `serve` and `up` for the mirror. */
export interface MirrorFlags {
  readonly mirror?: string;
}

/** Undefined when nothing is to be mirrored. Throws MeshError `usage` for a malformed URL, or when there is nothing that could be mirrored. */
export function mirrorConfigOf(
  { mirror }: MirrorFlags,
  means: { readonly wanted: boolean; readonly durableLog: boolean },
): KafkaAddress | undefined {
  if (mirror === undefined) {
    if (means.wanted) throw new MeshError('usage', 'the role mirror needs --mirror kafka://HOST:PORT/TOPIC');
    return undefined;
  }
  if (!means.durableLog)
    throw new MeshError('usage', '--mirror needs a log that outlives the process: --log memory: begins anew each time');
  return parseKafkaUrl(mirror);
}
