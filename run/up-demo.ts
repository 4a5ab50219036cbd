// What `up` adds: the demo mesh on real Envoys, and its configuration, applied once as a user would.
import { join, relative } from 'node:path';
import { ensureEnvoy } from '../agent/envoy-binary.ts';
import { configSubject } from '../events/config-facts.ts';
import type { Logger } from '../lib/logger.ts';
import { MeshError } from '../lib/mesh-error.ts';
import { parseFiles } from '../mesh/config/parse.ts';
import { formatProblem, hasErrors } from '../mesh/config/problem.ts';
import { applyResources } from '../services/pilot/admin/change-config.ts';
import type { Composition } from './compose.ts';
import type { ProcessConfig } from './config.ts';
import { bookinfoFolder, checkDemoPorts, createDemo, demoConfig, demoMeshFolder, waitForDemo } from './demo.ts';
import { demoIdentities } from './demo-identity.ts';
import type { More, ProcessPorts } from './main.ts';
import type { ProcessSurroundings } from './surroundings.ts';

/** The demo, ready to join a control plane. */
export interface PreparedDemo {
  /** For the files adapter. */
  readonly meshFolder: string;
  readonly join: (composition: Composition, ports: ProcessPorts) => Promise<More>;
}

/** Looks for what the demo needs before anything is started. Throws MeshError `unavailable` naming what is missing and how to get it. */
export async function prepareDemo(options: {
  readonly config: ProcessConfig;
  readonly logger: Logger;
  readonly io: ProcessSurroundings;
  readonly gatewayPort: number | undefined;
}): Promise<PreparedDemo> {
  const { config, logger, io, gatewayPort } = options;
  const say = (line: string) => io.err(`${line}\n`);
  if (!config.roles.has('adapters')) throw new MeshError('usage', 'the demo needs the role adapters, or --no-demo');
  await checkDemoPorts(gatewayPort);
  const envoy = await ensureEnvoy({ onProgress: say, signal: io.signal });
  say(`Envoy ${envoy.version} (${envoy.path})`);
  return {
    meshFolder: demoMeshFolder,
    join: async (composition, ports) => {
      await applyDemoConfig(composition, { gatewayPort, say });
      const demo = createDemo({
        identityOf: identitiesOf(composition, config),
        pilotAddress: `127.0.0.1:${ports.xdsMtls}`,
        envoy: envoy.path,
        folder: join(config.dataDirectory, 'demo'),
        ...(gatewayPort === undefined ? {} : { gatewayPort }),
        logger,
        clock: io.clock,
      });
      say(`Starting the demo mesh: ${demo.apps.size} applications, ${demo.agents.size} Envoys`);
      return {
        stages: [{ name: 'demo', services: demo.services }],
        started: async (signal) => {
          await waitForDemo(demo, { signal, clock: io.clock, onProgress: say });
          const { position } = await composition.logs.facts.head();
          io.out(tour(demo.url, ports, position));
        },
      };
    },
  };
}

function identitiesOf({ citadel }: Composition, { citadel: config }: ProcessConfig) {
  if (!citadel || !config) throw new MeshError('usage', 'the demo needs the role citadel, or --no-demo');
  return demoIdentities(citadel, { trustDomain: config.trustDomain, host: '127.0.0.1' });
}

/** Applies what the log has never had: a resource that the user deleted stays deleted at the next start. */
async function applyDemoConfig(
  { admin, logs }: Composition,
  { gatewayPort, say }: { readonly gatewayPort: number | undefined; readonly say: (line: string) => void },
): Promise<void> {
  if (admin === undefined) throw new MeshError('usage', 'the demo needs the role pilot, or --no-demo');
  const { objects, problems } = parseFiles(demoConfig(gatewayPort));
  if (hasErrors(problems)) throw new MeshError('invalid', problems.map(formatProblem).join('\n'));
  const resources = objects.flatMap((object) => (object.type === 'config' ? [object.resource] : []));
  const versions = await Promise.all(resources.map((resource) => logs.facts.subjectVersion(configSubject(resource))));
  const missing = resources.filter((_, index) => versions[index] === 0);
  if (missing.length === 0) return;
  const context = { ...admin, signal: new AbortController().signal };
  const { position } = await applyResources(context, missing, { actor: 'system:up', dryRun: false });
  say(`Applied the demo's configuration: ${missing.length} resources, position ${position}`);
}

/** What to do now; `position` is where the log stands. */
function tour(url: string, ports: ProcessPorts, position: number): string {
  // From the package it lies in node_modules, from the repository here.
  const canary = relative(process.cwd(), join(bookinfoFolder, 'canary-50-50.yaml'));
  const server = ports.admin === 15015 ? '' : ` --server http://127.0.0.1:${ports.admin}`;
  return `
The mesh serves:  ${url}
Reviews as JSON:  ${url.replace('/productpage', '/api/v1/products/0/reviews')}

Try, in another terminal:
  npx periplus apply -f ${canary} --wait${server}    shift the canary; returns when every proxy has it
  npx periplus proxy-status${server}                                           what each Envoy holds
  npx periplus at ${position} get vs reviews -o yaml${server}                           the route as it is now, whatever you change

Ctrl-C stops everything and keeps the log.
`;
}
