// Who a workload is, as telemetry names it, and the texts in which proxies hand that on: endpoint metadata, header, environment. Pure.

/** What telemetry says of a workload (istio.io/latest/docs/reference/config/metrics/#labels). '' or `unknown` where not known. */
export interface WorkloadFacts {
  readonly workload: string;
  readonly namespace: string;
  readonly canonicalName: string;
  readonly canonicalRevision: string;
  readonly cluster: string;
  /** Label `app`. */
  readonly app: string;
  /** Label `version`. */
  readonly version: string;
}

/** What Istio's metrics say where nothing is known. */
export const unknown = 'unknown';

/** Nothing is known. */
export const noFacts: WorkloadFacts = {
  workload: unknown,
  namespace: unknown,
  canonicalName: unknown,
  canonicalRevision: 'latest',
  cluster: unknown,
  app: unknown,
  version: unknown,
};

/** The facts of a workload with these labels (istio.io/latest/docs/ops/deployment/application-requirements/#canonical-service). */
export function workloadFacts(options: {
  readonly workload: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly cluster: string;
}): WorkloadFacts {
  const { workload, namespace, labels, cluster } = options;
  return {
    workload,
    namespace,
    canonicalName:
      labels['service.istio.io/canonical-name'] ?? labels['app.kubernetes.io/name'] ?? labels.app ?? workload,
    canonicalRevision:
      labels['service.istio.io/canonical-revision'] ??
      labels['app.kubernetes.io/version'] ??
      labels.version ??
      'latest',
    cluster,
    app: labels.app ?? unknown,
    version: labels.version ?? unknown,
  };
}

/** Istio's endpoint metadata `istio.workload`: `WORKLOAD;NAMESPACE;CANONICAL NAME;CANONICAL REVISION;CLUSTER`. */
export function istioWorkload(facts: WorkloadFacts): string {
  const { workload, namespace, canonicalName, canonicalRevision, cluster } = facts;
  return [workload, namespace, canonicalName, canonicalRevision, cluster].join(';');
}

/** `APP;VERSION` where a reader of `istioWorkload` alone would guess these wrongly; undefined where it guesses right. */
export function extraFacts(facts: WorkloadFacts): string | undefined {
  const guess = parseFacts(istioWorkload(facts));
  if (guess.app === facts.app && guess.version === facts.version) return undefined;
  return `${facts.app};${facts.version}`;
}

/** All facts in one text: `istioWorkload`, then `;APP;VERSION`. */
export function factsText(facts: WorkloadFacts): string {
  return `${istioWorkload(facts)};${facts.app};${facts.version}`;
}

/** Longest text that is read: names of Kubernetes' length in every place. */
export const maxFactsLength = 512;

/**
 * Reads `factsText`, or `istioWorkload` with or without `extra`. Without app and version, they are taken to be the canonical
 * name and revision, unless these are only what stands in for a missing label. What is malformed gives `noFacts`.
 */
export function parseFacts(text: string, extra = ''): WorkloadFacts {
  const parts = text.split(';');
  if (text.length > maxFactsLength || (parts.length !== 5 && parts.length !== 7)) return noFacts;
  const [workload = '', namespace = '', canonicalName = '', canonicalRevision = '', cluster = ''] = parts;
  const [app, version] = parts.length === 7 ? parts.slice(5) : extra.includes(';') ? extra.split(';') : [];
  return {
    workload: workload || unknown,
    namespace: namespace || unknown,
    canonicalName: canonicalName || unknown,
    canonicalRevision: canonicalRevision || 'latest',
    cluster: cluster || unknown,
    app: app || (canonicalName === workload ? unknown : canonicalName) || unknown,
    version: version || (canonicalRevision === 'latest' ? unknown : canonicalRevision) || unknown,
  };
}
