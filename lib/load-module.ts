// Imports a third party's npm module as a file in one of some folders would: packages are found where the user installed them.
import { registerHooks } from 'node:module';

/** The namespace of `module`, looked for from each of `from` (URLs of files, which need not exist) in turn. Rejects as `import` does. */
export async function loadModule(module: string, from: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
  let parentURL = '';
  const hooks = registerHooks({
    resolve: (specifier, context, next) =>
      specifier === module && context.parentURL === import.meta.url
        ? next(specifier, { ...context, parentURL })
        : next(specifier, context),
  });
  let failure: unknown;
  try {
    for (parentURL of from) {
      try {
        return (await import(module)) as Readonly<Record<string, unknown>>;
      } catch (error) {
        failure ??= error;
        if ((error as { readonly code?: unknown } | null)?.code !== 'ERR_MODULE_NOT_FOUND') throw error;
      }
    }
    throw failure ?? new Error(`there is no folder to look for ${module} in`);
  } finally {
    hooks.deregister();
  }
}
