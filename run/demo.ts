// The demo mesh: the Bookinfo applications, each with an agent and a real Envoy, and an ingress gateway.
import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Agent } from '../agent/agent.ts';
import type { AgentOptions } from '../agent/agent-options.ts';
import { httpRequest } from '../agent/http-request.ts';
import type { IdentitySource } from '../agent/identity/agent-identity.ts';
import type { ProxyIdentity } from '../agent/proxy-node.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { MeshError } from '../lib/mesh-error.ts';
import type { Service } from '../lib/service.ts';
import { AppProcess } from './app-process.ts';
import { findTakenPort } from './check-ports.ts';
import {
  type DemoInstance,
  demoInstances,
  demoPorts,
  gatewayIdentity,
  proxyPorts,
  servicePort,
  sidecarIdentity,
} from './demo-plan.ts';

/** What the demo is told. */
export interface DemoOptions {
  /** Pilot's xDS port for mutual TLS: `127.0.0.1:15012`. */
  readonly pilotAddress: string;
  /** Envoy's executable: `ensureEnvoy()`. */
  readonly envoy: string;
  /** Where a proxy's SVID comes from. */
  readonly identityOf: (workload: ProxyIdentity) => IdentitySource;
  /** Folder for the proxies' files, made if absent. */
  readonly folder: string;
  /** Port of the ingress gateway on 127.0.0.1. Default 8080, as in Istio's tutorials. */
  readonly gatewayPort?: number;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** The demo's parts, to be supervised by the caller, in any order. */
export interface Demo {
  readonly services: readonly Service[];
  /** Agents by instance name (`reviews-v1`, `istio-ingressgateway`). */
  readonly agents: ReadonlyMap<string, Agent>;
  /** Application processes by instance name. */
  readonly apps: ReadonlyMap<string, AppProcess>;
  /** The page: `http://127.0.0.1:8080/productpage`. */
  readonly url: string;
}

/** Folder of the demo's files in the source tree and, at the same place, in the package. */
export const bookinfoFolder = resolve(import.meta.dirname, '..', 'examples', 'bookinfo');
/** Registry and Sidecars, for the files adapter to watch. */
export const demoMeshFolder = join(bookinfoFolder, 'mesh');

/** Istio's default is also the demo's. */
const defaultGatewayPort = 8080;

/** Makes the demo's services; nothing is started. */
export function createDemo(options: DemoOptions): Demo {
  const agents = new Map<string, Agent>();
  const apps = new Map<string, AppProcess>();
  for (const instance of demoInstances) {
    apps.set(instance.name, createApp(instance, options));
    agents.set(instance.name, createSidecar(instance, options));
  }
  agents.set('istio-ingressgateway', new Agent(proxyOptions(gatewayIdentity, options)));
  const url = `http://127.0.0.1:${options.gatewayPort ?? defaultGatewayPort}/productpage`;
  return { services: [...apps.values(), ...agents.values()], agents, apps, url };
}

function createApp({ app, version, name, appPort, outboundAddress }: DemoInstance, options: DemoOptions): AppProcess {
  const outbound = `http://${outboundAddress}:${servicePort}`;
  const env = { HOST: '127.0.0.1', PORT: String(appPort), VERSION: version, INSTANCE: name, OUTBOUND: outbound };
  const file = join(bookinfoFolder, 'apps', `${app}.js`);
  return new AppProcess({ name, file, env, logger: options.logger, clock: options.clock });
}

function createSidecar(instance: DemoInstance, options: DemoOptions): Agent {
  const app = `http://127.0.0.1:${instance.appPort}`;
  return new Agent({
    ...proxyOptions(sidecarIdentity(instance), options),
    // Twice a second: in a demo one watches a killed instance leave.
    probe: { url: `${app}/health`, periodMs: 500, failureThreshold: 2, timeoutMs: 2_000 },
    appMetricsUrl: `${app}/metrics`,
  });
}

function proxyOptions(identity: ProxyIdentity, options: DemoOptions): AgentOptions {
  const { pilotAddress, envoy, folder, logger, clock } = options;
  const [address] = identity.addresses;
  return {
    identity,
    identitySource: options.identityOf(identity),
    pilotAddresses: [pilotAddress],
    envoy,
    folder: join(folder, identity.name),
    host: address,
    adminHost: address,
    ports: proxyPorts,
    concurrency: 1,
    // Everything stops at once: long enough for requests in flight, short enough for Ctrl-C; and Pilot need not hear of it.
    drainSeconds: 1,
    announceStop: false,
    logger,
    clock,
  };
}

/** What is applied to a mesh that has no configuration yet: file names and YAML, with the gateway on `gatewayPort`. */
export function demoConfig(
  gatewayPort = defaultGatewayPort,
): readonly { readonly file: string; readonly text: string }[] {
  const folder = join(bookinfoFolder, 'config');
  return globSync('*.yaml', { cwd: folder })
    .sort()
    .map((file) => ({
      file: join(folder, file),
      text: readFileSync(join(folder, file), 'utf8').replace(`number: ${defaultGatewayPort}`, `number: ${gatewayPort}`),
    }));
}

/** Throws MeshError `unavailable`, naming the port and what to do, when the demo can't listen where it must. */
export async function checkDemoPorts(gatewayPort = defaultGatewayPort): Promise<void> {
  const taken = await findTakenPort(demoPorts(gatewayPort));
  if (!taken) return;
  const { port, code } = taken;
  const where = `${port.host}:${port.port}`;
  if (code === 'EADDRNOTAVAIL') {
    const advice = 'It needs Linux, where all of 127.0.0.0/8 is local: use Docker here, or start with --no-demo.';
    throw new MeshError('unavailable', `The demo cannot listen on ${where} (${port.use}). ${advice}`);
  }
  const isGateway = port.port === gatewayPort && port.host === '127.0.0.1';
  const advice = isGateway
    ? `Stop the program that has it, or choose another: npm start -- --gateway-port ${gatewayPort + 1}`
    : 'Perhaps a demo runs already: stop that one, or start without it: npm start -- --no-demo';
  const what = code === 'EADDRINUSE' ? 'is taken' : `cannot be used (${code})`;
  throw new MeshError('unavailable', `Port ${where}, for ${port.use}, ${what}. ${advice}`);
}

/**
 * Resolves when the page answers 200 through the gateway. `onProgress` is told, when it changes, what is still missing. Rejects
 * with MeshError `unavailable` after `timeoutMs`, naming it, or with the signal's reason.
 */
export async function waitForDemo(
  demo: Demo,
  options: {
    readonly signal: AbortSignal;
    readonly clock: Clock;
    /** Default 60,000: the time in which `npm start` promises a page. */
    readonly timeoutMs?: number;
    readonly onProgress?: (message: string) => void;
  },
): Promise<void> {
  const { signal, clock, timeoutMs = 60_000 } = options;
  const deadlineMs = clock.nowMs() + timeoutMs;
  let last = '';
  for (;;) {
    const missing = await whatIsMissing(demo);
    if (missing === '') return;
    if (missing !== last) options.onProgress?.(missing);
    last = missing;
    if (clock.nowMs() > deadlineMs)
      throw new MeshError('unavailable', `The demo does not serve after ${timeoutMs / 1000} s: ${missing}`);
    await clock.sleep(200, signal);
  }
}

async function whatIsMissing(demo: Demo): Promise<string> {
  const states = await Promise.all(
    [...demo.agents].map(async ([name, agent]) => ({ name, ...(await agent.readiness()) })),
  );
  const waiting = states.filter(({ ready }) => !ready);
  const [first] = waiting;
  if (first)
    return `${states.length - waiting.length} of ${states.length} proxies ready; ${first.name}: ${first.reason}`;
  return askPage(demo.url);
}

/** '' when the page is there with reviews on it, else what is wrong. */
async function askPage(url: string): Promise<string> {
  try {
    const { status, body } = await httpRequest(url, { timeoutMs: 4_000 });
    if (status !== 200) return `${url} answers ${status}`;
    return body.includes('currently unavailable') ? `${url}: a service behind the page does not answer yet` : '';
  } catch {
    return `${url} does not answer yet`;
  }
}
