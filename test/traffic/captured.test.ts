// Captured traffic on a real Envoy behind iptables, in a network namespace that this test makes.
import { afterAll, beforeAll, describe, it, type TestContext } from 'vitest';
import { type CapturedMesh, startCapturedMesh } from './captured/mesh.ts';
import { makeNamespace } from './captured/namespace.ts';
import { capturedCases } from './cases/captured.ts';
import { keepaliveCases } from './cases/keepalive.ts';

let mesh: CapturedMesh | { readonly why: string };
beforeAll(async () => {
  const namespace = makeNamespace();
  if ('why' in namespace) {
    mesh = namespace;
    return;
  }
  mesh = await startCapturedMesh(namespace).catch((error: unknown) => {
    namespace.remove();
    throw error;
  });
});
afterAll(async () => {
  if (mesh && !('why' in mesh)) await mesh.stop();
});

describe('captured', () => {
  const run = (one: (typeof capturedCases)[number]) => async (context: TestContext) => {
    if ('why' in mesh) return context.skip(mesh.why);
    await mesh.runCase(one);
  };
  for (const one of [...capturedCases, ...keepaliveCases]) it(one.name, run(one), 60_000);
});
