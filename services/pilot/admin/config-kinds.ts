// Names of all kinds that the config store keeps.
import { meshConfigKey } from '../../../mesh/config/mesh-config.ts';
import { kinds } from '../../../mesh/config/schemas/kinds.ts';

/** In alphabetical order. */
export const configKinds: readonly string[] = [
  meshConfigKey.kind,
  ...[...kinds.values()].filter((kind) => kind.type === 'config').map((kind) => kind.kind),
].sort();
