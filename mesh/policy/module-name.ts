// Which modules a handler may name: packages that the operator installed, and nothing else.
import { isBuiltin } from 'node:module';

const packageName = /^(@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*$/;

/** Whether it is an npm package's name. A path, a URL or a part of Node would let whoever may apply configuration run code of their choice. */
export function isPackageName(module: string): boolean {
  return packageName.test(module) && !isBuiltin(module);
}
