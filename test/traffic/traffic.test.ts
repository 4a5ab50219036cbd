// Every traffic case on real Envoys: what requests see of each field.
import { afterAll, beforeAll, describe, it } from 'vitest';
import { areas } from './all-cases.ts';
import { startTrafficMesh, type TrafficMesh } from './mesh.ts';

let mesh: TrafficMesh;
beforeAll(async () => {
  mesh = await startTrafficMesh();
});
afterAll(async () => {
  await mesh?.stop();
});

for (const [area, cases] of Object.entries(areas)) {
  describe(area, () => {
    for (const one of cases) it(one.name, () => mesh.runCase(one), 30_000);
  });
}
