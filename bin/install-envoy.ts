// Installs Envoy into the cache if the machine has none, and prints its path: `node bin/install-envoy.ts`.
import { ensureEnvoy } from '../agent/envoy-binary.ts';
import { messageOf } from '../lib/mesh-error.ts';

try {
  const envoy = await ensureEnvoy({ onProgress: (message) => process.stderr.write(`periplus: ${message}\n`) });
  process.stdout.write(`${envoy.path}\n`);
} catch (error) {
  process.stderr.write(`periplus: ${messageOf(error)}\n`);
  process.exitCode = 3;
}
