// Hosts that left HTTPS servers of Gateways while clients still have connections to those servers, folded from config facts.
import type { GatewayDrained } from '../events/config-facts.ts';
import type { RecordedEvent } from '../events/envelope.ts';
import type { ConfigResource } from '../events/model.ts';
import type { GatewaySpec, Server } from './config/schemas/gateway.ts';
import { type KeyedView, noKeyedView, putInView } from './versioned.ts';

/** Hosts that left one server of a Gateway. */
export interface ReleasedHosts {
  /** Of the event that released them. */
  readonly position: number;
  /** Port, port name and address tell the Gateway's HTTPS servers apart, as they do their route configurations. */
  readonly server: { readonly port: number; readonly portName: string; readonly bind: string };
  /** Lower case, without namespaces. */
  readonly hosts: readonly string[];
}

/** Oldest first, by `NAMESPACE/NAME` of the Gateway; replaced and never changed. */
export type GatewayDrains = ReadonlyMap<string, readonly ReleasedHosts[]>;

/** See the file's first line. */
export type GatewayDrainState = KeyedView<readonly ReleasedHosts[]>;

/** Releases of one Gateway that are remembered: one that changes faster than connections drain must not fill memory. */
const maxReleases = 64;

/** Nothing yet. */
export function noGatewayDrains(): GatewayDrainState {
  return noKeyedView();
}

/** Folds a change of a Gateway from `before` to `after`; of one that is new or goes, no server stays whose hosts could have left. */
export function releaseHosts(
  state: GatewayDrainState,
  before: ConfigResource<GatewaySpec> | undefined,
  after: ConfigResource<GatewaySpec> | undefined,
  position: number,
): void {
  if (before === undefined || after === undefined) return;
  const servers = new Map((after.spec.servers ?? []).filter(endsHttps).map((server) => [serverKey(server), server]));
  const released = (before.spec.servers ?? []).filter(endsHttps).flatMap((server): ReleasedHosts[] => {
    const now = servers.get(serverKey(server));
    if (now === undefined) return [];
    const kept = new Set(hostsOf(now));
    const hosts = hostsOf(server).filter((host) => !kept.has(host));
    const { number, name } = server.port;
    return hosts.length === 0
      ? []
      : [{ position, server: { port: number, portName: name, bind: server.bind ?? '' }, hosts }];
  });
  if (released.length === 0) return;
  const key = `${after.namespace}/${after.name}`;
  putInView(state, key, position, [...(state.view.get(key) ?? []), ...released].slice(-maxReleases));
}

/** Folds GatewayDrained. */
export function evolveDrained(state: GatewayDrainState, event: RecordedEvent): void {
  const { namespace, name, through } = (event as unknown as GatewayDrained).data;
  const key = `${namespace}/${name}`;
  const releases = state.view.get(key);
  if (releases === undefined) return;
  const left = releases.filter(({ position }) => position > through);
  putInView(state, key, event.position, left.length > 0 ? left : undefined);
}

/** Whether requests are decrypted by the server and routed as HTTP; PASSTHROUGH is what a `tls` without a mode means. */
function endsHttps({ port, tls }: Server): boolean {
  return port.protocol.toUpperCase() === 'HTTPS' && tls?.mode !== undefined && !tls.mode.endsWith('PASSTHROUGH');
}

function serverKey({ port, bind }: Server): string {
  return `${port.number} ${port.name} ${bind ?? ''}`;
}

function hostsOf({ hosts }: Server): string[] {
  return hosts.map((host) => host.slice(host.indexOf('/') + 1).toLowerCase());
}
