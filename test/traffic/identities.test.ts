// Cases about identities, on real Envoys whose agents have SVIDs.
import { afterAll, beforeAll, describe, it } from 'vitest';
import { identityCases } from './cases/identities.ts';
import { IdentityMesh } from './identities/mesh.ts';

let mesh: IdentityMesh;
beforeAll(async () => {
  mesh = await IdentityMesh.start();
});
afterAll(async () => {
  await mesh?.stop();
});

describe('identities', () => {
  for (const one of identityCases) it(one.name, () => mesh.runCase(one), 90_000);
});
