// Make before break: which types of one stream must wait for which others (xds_protocol, "Eventual consistency considerations"). Pure.
import { type Translation, type TypeUrl, typeUrls } from '../translate/translation.ts';
import type { Selections } from './selection.ts';
import { type Gate, isBehind, openGate, type Subscription } from './subscription.ts';

/** "CDS updates (if any) must always be pushed first", then EDS, LDS, RDS; secrets and extensions are asked for by those. */
export const pushOrder: readonly string[] = [
  typeUrls.cluster,
  typeUrls.endpoints,
  typeUrls.listener,
  typeUrls.route,
  typeUrls.secret,
  typeUrls.extension,
];

/**
 * Gateways get routes before listeners: a host that moves to another server must have its routes there before connections are led to
 * that server. New route configurations are asked for by the listeners as ever.
 */
export const gatewayPushOrder: readonly string[] = [
  typeUrls.cluster,
  typeUrls.endpoints,
  typeUrls.route,
  typeUrls.listener,
  typeUrls.secret,
  typeUrls.extension,
];

/** How a stream stands when a gate is asked for. */
export interface OrderView {
  readonly subscriptions: ReadonlyMap<string, Subscription>;
  readonly translation: Translation;
  readonly selections: Selections;
  /** Clusters new to the client whose endpoints it has not acknowledged: "the management plane must ensure that clusters referenced by a route are in place". */
  readonly awaitedEndpoints: ReadonlySet<string>;
  /** Types in the order in which they are sent: `pushOrder` or `gatewayPushOrder`. */
  readonly order: readonly string[];
  /** How long, in ms, the type has been held back; 0 when it has not. */
  heldMs(typeUrl: string): number;
  /** Longest hold, in ms: a client that does not answer must not stop the rest. */
  readonly patienceMs: number;
}

/** Clusters kept for refused routes and listeners; beyond this they go, so that a client that refuses for ever can't fill memory. */
const maxLingering = 1000;

/** What of `typeUrl` may be sent now. */
export function gateFor(typeUrl: string, view: OrderView): Gate {
  const waitedMs = view.heldMs(typeUrl);
  switch (typeUrl) {
    case typeUrls.cluster:
      return { changes: true, removals: mayRemoveClusters(view, waitedMs) };
    case typeUrls.endpoints:
      return { changes: true, removals: mayRemoveDependants(view, typeUrls.cluster, waitedMs) };
    case typeUrls.listener:
      return { changes: listenersMayCome(view) || waitedMs >= view.patienceMs, removals: true };
    case typeUrls.route:
      return {
        changes: clustersInPlace(view) || waitedMs >= view.patienceMs,
        removals: mayRemoveDependants(view, typeUrls.listener, waitedMs),
      };
    default:
      return openGate;
  }
}

/** Routes that are to be there first are in place when they have been sent: a proxy takes responses in in their order. */
function listenersMayCome(view: OrderView): boolean {
  if (!clustersInPlace(view)) return false;
  if (view.order !== gatewayPushOrder) return true;
  const routes = view.subscriptions.get(typeUrls.route);
  return !routes?.started || !isBehind(routes, setOf(view, typeUrls.route), view.selections);
}

/** Listeners and routes wait until new clusters are known and have their endpoints. A NACK counts as an answer: other types go on. */
function clustersInPlace(view: OrderView): boolean {
  const clusters = view.subscriptions.get(typeUrls.cluster);
  if (!clusters?.started) return true;
  return (
    !clusters.inFlight &&
    view.awaitedEndpoints.size === 0 &&
    !isBehind(clusters, setOf(view, typeUrls.cluster), view.selections)
  );
}

/**
 * "Stale CDS clusters and related EDS endpoints (ones no longer being referenced) can then be removed": once the newest listeners and
 * routes are acknowledged. While a client refuses them its old ones are in force and may use any old cluster. The wait is twice
 * the others', as routes that were let through late must still come first.
 */
function mayRemoveClusters(view: OrderView, waitedMs: number): boolean {
  const clusters = view.subscriptions.get(typeUrls.cluster);
  if (clusters && clusters.lingering.size > maxLingering) return true;
  const patient = waitedMs < 2 * view.patienceMs;
  for (const typeUrl of [typeUrls.listener, typeUrls.route]) {
    const user = view.subscriptions.get(typeUrl);
    if (!user?.started) continue;
    if (user.rejected.size > 0) return false;
    if (patient && (user.inFlight || isBehind(user, setOf(view, typeUrl), view.selections))) return false;
  }
  return true;
}

/**
 * Endpoints go with their cluster and routes with their listener, and Envoy unsubscribes from them by itself; told before that, it
 * logs an error. So they are removed last, and only from a client that stays subscribed.
 */
function mayRemoveDependants(view: OrderView, parentType: TypeUrl, waitedMs: number): boolean {
  const parent = view.subscriptions.get(parentType);
  if (!parent?.started) return true;
  return waitedMs >= view.patienceMs && parent.lingering.size === 0;
}

function setOf(view: OrderView, typeUrl: string) {
  return view.translation.resources(typeUrl as TypeUrl);
}
