// Entry of `serve` and `up`: starts the process that the flags describe, says what it does and where it is, stops in order.
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { createLogger, type Logger } from '../lib/logger.ts';
import { MeshError } from '../lib/mesh-error.ts';
import { isLoopbackHost } from '../services/pilot/admin/auth/guard.ts';
import { type Composition, compose } from './compose.ts';
import type { ConfigFolders } from './compose-adapters.ts';
import { logStoreName, type ProcessConfig, processConfigOf, type ServeFlags } from './config.ts';
import { assertPortsFree, type WantedPort } from './ports.ts';
import { runStages, type Stage } from './stages.ts';
import type { ProcessSurroundings } from './surroundings.ts';

/** Runs the control plane until a signal comes. Gives the exit code. */
export async function serve(flags: ServeFlags, io: ProcessSurroundings): Promise<number> {
  const config = configOf(flags);
  const logger = createLogger({ level: config.logLevel });
  const folders: ConfigFolders =
    config.configDirectory === undefined ? new Map() : new Map([['default', config.configDirectory]]);
  return await runProcess({ config, folders, logger, io, more: async () => ({ stages: [], started: async () => {} }) });
}

/** Like `serve`, with the demo mesh unless `--no-demo`. */
export async function up(
  flags: ServeFlags & { readonly demo: boolean; readonly gatewayPort?: number },
  io: ProcessSurroundings,
): Promise<number> {
  const config = configOf(flags);
  // People read this terminal: what programs log goes into a file.
  const logFile = join(config.dataDirectory, 'periplus.log');
  const logger = createLogger({ level: config.logLevel, path: logFile });
  io.err(`The log of this process is ${logFile}\n`);
  const folders = new Map(config.configDirectory === undefined ? [] : [['default', config.configDirectory]]);
  if (!flags.demo)
    return await runProcess({
      config,
      folders,
      logger,
      io,
      more: async () => ({ stages: [], started: async () => {} }),
    });
  const { prepareDemo } = await import('./up-demo.ts');
  const demo = await prepareDemo({ config, logger, io, gatewayPort: flags.gatewayPort });
  folders.set('demo', demo.meshFolder);
  return await runProcess({ config, folders, logger, io, more: demo.join });
}

/** What `up` adds to a control plane. */
export interface More {
  /** Stopped before anything else. */
  readonly stages: readonly Stage[];
  /** Called once the control plane serves; resolves when what was added does. */
  started(signal: AbortSignal): Promise<void>;
}

interface ProcessPlan {
  readonly config: ProcessConfig;
  readonly folders: ConfigFolders;
  readonly logger: Logger;
  readonly io: ProcessSurroundings;
  readonly more: (composition: Composition, ports: ProcessPorts) => Promise<More>;
}

/** Where the process listens. */
export interface ProcessPorts {
  readonly admin: number;
  readonly xds: number;
  /** 0 without a Citadel. */
  readonly xdsMtls: number;
}

function configOf(flags: ServeFlags): ProcessConfig {
  const config = processConfigOf(flags, {
    name: `pilot-${hostname().split('.')[0]}`,
    workingDirectory: process.cwd(),
    env: process.env,
  });
  const { configDirectory, roles } = config;
  if (configDirectory !== undefined) {
    if (!roles.has('adapters'))
      throw new MeshError('usage', '--config is read by the role adapters: add it to --roles');
    if (!existsSync(configDirectory) || !statSync(configDirectory).isDirectory()) {
      throw new MeshError('usage', `--config ${configDirectory} is not a folder`);
    }
  }
  return config;
}

async function runProcess({ config, folders, logger, io, more }: ProcessPlan): Promise<number> {
  const say = (line: string) => io.err(`${line}\n`);
  await assertPortsFree(wantedPorts(config));
  mkdirSync(config.dataDirectory, { recursive: true });
  say(`Opening the log: ${logStoreName(config.log)}`);
  const composition = await compose(config, { folders, clock: io.clock, logger, signal: io.signal });
  const head = await composition.logs.facts.head();
  say(
    head.position === 0 ? 'The log is empty' : `The log ends at position ${head.position} (${head.time}); reading it`,
  );
  const stop = new AbortController();
  const onSignal = () => {
    say('Stopping; a second Ctrl-C ends it at once');
    stop.abort(io.signal.reason);
  };
  if (io.signal.aborted) onSignal();
  else io.signal.addEventListener('abort', onSignal, { once: true });
  const run = (stages: readonly Stage[], signal: AbortSignal) =>
    runStages(stages, {
      signal,
      clock: io.clock,
      logger,
      onStopping: ({ name }) => logger.info({ stage: name }, 'stopping'),
    });
  const stopControlPlane = new AbortController();
  const running = run(composition.stages, stopControlPlane.signal);
  let added: Promise<void> = Promise.resolve();
  let failure: unknown;
  try {
    const ports = await whenServing(composition, { signal: stop.signal, io, say });
    if (ports !== undefined) {
      const extra = await more(composition, ports);
      added = run(extra.stages, stop.signal);
      announce(config, ports, { io, folders });
      await extra.started(stop.signal);
      await aborted(stop.signal);
    }
  } catch (error) {
    if (!stop.signal.aborted) failure = error;
    stop.abort(error);
  }
  await added;
  stopControlPlane.abort();
  await running;
  await composition.close();
  io.signal.removeEventListener('abort', onSignal);
  if (failure !== undefined) throw failure;
  say(
    config.log.kind === 'memory'
      ? 'Stopped'
      : `Stopped; the log stays in ${logStoreName(config.log)}, the next start continues from it`,
  );
  return 0;
}

function wantedPorts(config: ProcessConfig): readonly WantedPort[] {
  const { host, xds } = config;
  const adminHost = config.roles.has('pilot') ? config.admin.host : host;
  return [
    ...(config.roles.has('pilot')
      ? [{ host: xds.host, port: xds.port, purpose: 'xDS in plaintext', flag: '--xds-port' }]
      : []),
    ...(xds.mtls ? [{ ...xds.mtls, purpose: 'xDS over mutual TLS', flag: '--xds-mtls-port' }] : []),
    { host: adminHost, port: config.adminPort, purpose: 'the admin API', flag: '--admin-port' },
    ...(config.citadel ? [{ host, port: config.citadel.port, purpose: 'Citadel', flag: '--citadel-port' }] : []),
    ...(config.citadel
      ? [{ host, port: config.citadel.web.port, purpose: "Citadel's documents", flag: '--citadel-web-port' }]
      : []),
    ...(config.mixer ? [{ host, port: config.mixer.port, purpose: 'Mixer', flag: '--mixer-port' }] : []),
    ...(config.monitoringPort === undefined
      ? []
      : [{ host, port: config.monitoringPort, purpose: 'metrics', flag: '--metrics-port' }]),
  ];
}

/** How often readiness is looked at while starting. */
const pollMs = 50;
/** Quicker starts need no explanation. */
const quietMs = 2_000;

/** Resolves with the ports when everything has been read and serves; undefined when it was stopped before. */
async function whenServing(
  composition: Composition,
  {
    signal,
    io,
    say,
  }: { readonly signal: AbortSignal; readonly io: ProcessSurroundings; readonly say: (line: string) => void },
): Promise<ProcessPorts | undefined> {
  const startedMs = io.clock.nowMs();
  let said = '';
  const listening = listeningPorts(composition, signal);
  while (!signal.aborted) {
    const waiting = composition.readiness().find((check) => !check.ready);
    if (waiting === undefined) return await listening;
    const text = `Waiting: ${waiting.name}: ${waiting.detail}`;
    if (text !== said && io.clock.nowMs() - startedMs > quietMs) say((said = text));
    await io.clock.sleep(pollMs, signal).catch(() => {});
  }
  return undefined;
}

async function listeningPorts(
  { pilot, adminPort }: Composition,
  signal: AbortSignal,
): Promise<ProcessPorts | undefined> {
  const xds = pilot && (await Promise.race([pilot.ports(), aborted(signal)]));
  for await (const admin of adminPort.watch(signal)) return { admin, xds: xds?.[0] ?? 0, xdsMtls: xds?.[1] ?? 0 };
  return undefined;
}

function announce(
  config: ProcessConfig,
  ports: ProcessPorts,
  { io, folders }: { readonly io: ProcessSurroundings; readonly folders: ConfigFolders },
): void {
  const watched = [...folders.values()].map((folder) => `Watching ${folder}\n`).join('');
  io.err(watched);
  if (!config.roles.has('pilot')) {
    io.out(`Health     http://${bracketed(config.host)}:${ports.admin}/readyz   (metrics: /metrics)\n`);
    return;
  }
  const { host, tls } = config.admin;
  const url = `${tls ? 'https' : 'http'}://${bracketed(host)}:${ports.admin}`;
  const plaintext = `${bracketed(config.xds.host)}:${ports.xds} (plaintext)`;
  const mtls = config.xds.mtls ? `${bracketed(config.host)}:${ports.xdsMtls} (mutual TLS), ` : '';
  io.out(`Admin API  ${url}/   (OpenAPI: /openapi.json, metrics: /metrics)\nxDS        ${mtls}${plaintext}\n`);
  if (isLoopbackHost(bracketed(host))) return;
  io.err(
    'The admin API asks callers from other machines for a token ("periplus admin token create") or a certificate\n',
  );
  if (!tls)
    io.err(
      'and is not encrypted: whoever can listen on the way reads tokens. Give --admin-tls-cert and --admin-tls-key\n',
    );
}

const bracketed = (host: string) => (host.includes(':') ? `[${host}]` : host);

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}
