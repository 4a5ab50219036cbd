// Loads the adapter modules that a process is to run.
import type { Adapter } from '../adapters/adapter.ts';
import { loadModuleAdapter } from '../adapters/module/module-adapter.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { MeshError } from '../lib/mesh-error.ts';
import type { AdapterModuleConfig } from './config-modules.ts';

/** Rejects with MeshError `usage` when one can't be used, or two would write the same things. */
export async function loadAdapterModules(
  modules: readonly AdapterModuleConfig[],
  means: { readonly clock: Clock; readonly logger: Logger },
): Promise<readonly Adapter[]> {
  const adapters = await Promise.all(modules.map((module) => loadModuleAdapter({ ...module, ...means })));
  const names = adapters.map(({ platform, instance }) => `${platform}/${instance}`);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined)
    throw new MeshError('usage', `--adapter: two modules are ${twice}: give each an instance of its own`);
  return adapters;
}
