// One stream's clusters on their way into service: which still need endpoints, and which routes must therefore wait for.
//
// "Warming of Cluster is completed only when a new ClusterLoadAssignment response is supplied by management server even though there is
// no change in endpoints" (xds_protocol, "Resource warming"; Envoy issue 13072).
import { type Translation, typeUrls } from '../translate/translation.ts';
import { type Plan, type Subscription, touch } from './subscription.ts';

/** See the file's first line. */
export class ClusterWarming {
  /** Clusters new to the client whose endpoints it has not answered for. */
  readonly #awaited = new Set<string>();
  /** Clusters sent on a resumed stream before endpoints were asked for: their endpoints are owed whatever the client kept. */
  readonly #owed = new Set<string>();

  /** For push-order.ts. */
  get awaited(): ReadonlySet<string> {
    return this.#awaited;
  }

  /** Clusters were sent: endpoints of those that changed are due again. */
  clustersSent(sent: {
    readonly before: Subscription;
    readonly plan: Plan;
    readonly translation: Translation;
    readonly subscriptions: Map<string, Subscription>;
  }): void {
    const { before, plan, translation, subscriptions } = sent;
    this.#await(before, plan, translation);
    const changed = changedClusters(before, plan);
    if (changed.length === 0) return;
    const endpoints = subscriptions.get(typeUrls.endpoints);
    if (endpoints?.started) subscriptions.set(typeUrls.endpoints, touch(endpoints, changed));
    else if (before.initial.versions.size > 0) for (const name of changed) this.#owed.add(name);
  }

  /** A type's first request: what the client kept of owed endpoints does not count. */
  firstRequest(subscription: Subscription): Subscription {
    if (subscription.typeUrl !== typeUrls.endpoints || this.#owed.size === 0) return subscription;
    const versions = new Map(subscription.initial.versions);
    for (const name of this.#owed) versions.delete(name);
    this.#owed.clear();
    return { ...subscription, initial: { ...subscription.initial, versions } };
  }

  /** The client took or refused endpoints. */
  endpointsAnswered(plan: Plan): void {
    if (this.#awaited.size === 0) return;
    for (const { name } of plan.selection.updated) this.#awaited.delete(name);
    for (const name of plan.selection.removed) this.#awaited.delete(name);
  }

  /** A stream's first clusters are not waited for: a starting Envoy asks for listeners when it is ready for them. */
  #await({ base }: Subscription, plan: Plan, translation: Translation): void {
    if (base !== undefined) {
      const endpoints = translation.resources(typeUrls.endpoints);
      for (const { name } of plan.selection.updated) {
        if (base.get(name) === undefined && endpoints.get(name)) this.#awaited.add(name);
      }
    }
    for (const name of this.#awaited) {
      if (translation.resources(typeUrls.cluster).get(name) === undefined) this.#awaited.delete(name);
    }
  }
}

/** SotW's full states hold unchanged clusters too, which Envoy recognises by their hash and leaves alone. */
function changedClusters({ base, protocol }: Subscription, { selection }: Plan): string[] {
  if (base === undefined || protocol === 'delta') return selection.updated.map(({ name }) => name);
  return selection.updated.flatMap(({ name, version }) => (base.get(name)?.version === version ? [] : [name]));
}
