// The identity of the workload beside an agent: its SVID, kept fresh, and the socket on which its own Envoy gets it.
import { join, relative } from 'node:path';
import type { ChannelCredentials } from '@grpc/grpc-js';
import type { Clock } from '../../lib/clock.ts';
import type { Latest } from '../../lib/latest.ts';
import type { Logger } from '../../lib/logger.ts';
import type { Service } from '../../lib/service.ts';
import { controlPlaneId, formatSpiffeId } from '../../mesh/spiffe-id.ts';
import type { ProxyIdentity } from '../proxy-node.ts';
import { BundleWatch, type BundleWatchOptions } from './bundle-watch.ts';
import { IdentityKeeper, type IdentityKeeperOptions } from './identity-keeper.ts';
import { mutualTls } from './mutual-tls.ts';
import { versionOf } from './sds-secrets.ts';
import { maxSocketPathBytes, SdsServer } from './sds-server.ts';
import type { WorkloadSvid } from './workload-svid.ts';

/** Where an agent gets its workload's SVID, and with what proof. */
export interface IdentitySource extends Pick<IdentityKeeperOptions, 'citadelAddresses' | 'roots' | 'token'> {
  readonly trustDomain: string;
  /** Life to ask for; absent: what Citadel gives, an hour. */
  readonly lifeSeconds?: number;
  /** xDS over mutual TLS, the default; `plaintext` for a Pilot without Citadel, on a network that is trusted. */
  readonly xds?: 'mtls' | 'plaintext';
}

/** See the file's first line. Its services run for as long as Envoy does. */
export class AgentIdentity {
  /** Where Envoy finds its secrets; relative to the working directory where that is shorter. */
  readonly socket: string;
  readonly services: readonly Service[];
  readonly #keeper: IdentityKeeper;
  readonly #sds: SdsServer;
  readonly #pilotId: string | undefined;

  constructor(options: {
    readonly source: IdentitySource;
    readonly workload: ProxyIdentity;
    /** The agent's own. */
    readonly folder: string;
    readonly clock: Clock;
    readonly logger: Logger;
  }) {
    const { source, workload, folder, clock, logger } = options;
    this.socket = sdsSocketIn(folder);
    this.#pilotId = pilotIdOf(source);
    this.#keeper = new IdentityKeeper({
      ...source,
      folder: join(folder, 'identity'),
      citadelId: formatSpiffeId(controlPlaneId(source.trustDomain, 'citadel')),
      expected: spiffeIdOf(workload, source.trustDomain),
      clock,
      logger,
      random: Math.random,
    });
    this.#sds = new SdsServer({ socket: this.socket, svid: this.#keeper.svid, logger });
    this.services = [this.#keeper, this.#sds];
  }

  /** The newest SVID. */
  get svid(): Latest<WorkloadSvid> {
    return this.#keeper.svid;
  }

  /** Follows the trust bundle at these Pilots; nothing where xDS is in plaintext, which anybody could forge. */
  bundleWatch(options: Pick<BundleWatchOptions, 'pilotAddresses' | 'node'>): readonly Service[] {
    if (this.#pilotId === undefined) return [];
    const use = async (roots: string, signal: AbortSignal) =>
      (await this.#keeper.useBundle(roots)) ?? (await this.#sds.delivered('ROOTCA', versionOf(roots), signal));
    return [new BundleWatch({ ...options, credentials: (signal) => this.pilotCredentials(signal), use })];
  }

  /** Mutual TLS with Pilot by the newest SVID, waited for; undefined: xDS is in plaintext. */
  async pilotCredentials(signal: AbortSignal): Promise<ChannelCredentials | undefined> {
    if (this.#pilotId === undefined) return undefined;
    for await (const own of this.svid.watch(signal))
      return mutualTls({ roots: own.roots, serverId: this.#pilotId, own });
    return undefined;
  }

  /** Resolves when Envoy can connect, or when `signal` aborts: one that came earlier would try again only after a while. */
  async listening(signal: AbortSignal): Promise<void> {
    for await (const _ of this.#sds.listening.watch(signal)) return;
  }
}

/** SPIFFE ID of the Pilot to speak with; undefined: in plaintext with any. */
export function pilotIdOf({ trustDomain, xds = 'mtls' }: IdentitySource): string | undefined {
  return xds === 'mtls' ? formatSpiffeId(controlPlaneId(trustDomain, 'pilot')) : undefined;
}

/** The identity that a workload asks for. Throws MeshError `invalid` when its names can't be in one. */
export function spiffeIdOf({ namespace, serviceAccount = 'default' }: ProxyIdentity, trustDomain: string): string {
  return formatSpiffeId({ trustDomain, namespace, serviceAccount });
}

/** The SDS socket of an agent with this folder; a deep folder's is named from the working directory, which Envoy shares. */
export function sdsSocketIn(folder: string): string {
  const path = join(folder, 'sds.sock');
  const short = relative(process.cwd(), path);
  return Buffer.byteLength(path) > maxSocketPathBytes && short.length < path.length ? short : path;
}
