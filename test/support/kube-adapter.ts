// For tests on a real API server: installs the manifests of deploy/kubernetes and follows a cluster with the adapter, in this process.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { snapshotOf } from '../../adapters/adapter-contract.ts';
import { createKubernetesAdapter, type KubernetesAdapterOptions } from '../../adapters/kubernetes/adapter.ts';
import { readKubeconfig } from '../../adapters/kubernetes/kubeconfig.ts';
import { platformRules } from '../../adapters/platform-rules.ts';
import { AdapterRunner } from '../../adapters/runner.ts';
import { MemoryLog } from '../../events/logs/memory.ts';
import { type Clock, systemClock } from '../../lib/clock.ts';
import { silentLogger } from '../../lib/logger.ts';
import { adapterToken, type TestKube } from './kube.ts';
import { platformOf, registryOf } from './kube-objects.ts';
import { root } from './periplus.ts';
import { waitFor } from './wait-for.ts';

const collections: Readonly<Record<string, string>> = {
  Namespace: '/api/v1/namespaces',
  ServiceAccount: '/api/v1/namespaces/NS/serviceaccounts',
  ClusterRole: '/apis/rbac.authorization.k8s.io/v1/clusterroles',
  ClusterRoleBinding: '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings',
  CustomResourceDefinition: '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
  Role: '/apis/rbac.authorization.k8s.io/v1/namespaces/NS/roles',
  PersistentVolumeClaim: '/api/v1/namespaces/NS/persistentvolumeclaims',
  Deployment: '/apis/apps/v1/namespaces/NS/deployments',
  Service: '/api/v1/namespaces/NS/services',
  NetworkPolicy: '/apis/networking.k8s.io/v1/namespaces/NS/networkpolicies',
  RoleBinding: '/apis/rbac.authorization.k8s.io/v1/namespaces/NS/rolebindings',
};

/** Creates everything in a file of deploy/kubernetes that is not there yet; unknown fields are refused. `dryRun`: only asks whether it could. */
export async function applyFile(kube: TestKube, name: string, dryRun = false): Promise<readonly object[]> {
  const query = `?fieldValidation=Strict${dryRun ? '&dryRun=All' : ''}`;
  const objects: object[] = [];
  const text = readFileSync(join(root, 'deploy/kubernetes', name), 'utf8');
  for (const document of parseAllDocuments(text)) {
    const object = document.toJS() as { kind: string; metadata: { namespace?: string } };
    const collection = collections[object.kind]?.replace('NS', object.metadata.namespace ?? '') ?? '';
    const { status, body } = await kube.ask('POST', collection + query, object);
    // 409: it is there already.
    if (status >= 300 && status !== 409) throw new Error(`${name}: ${status} ${JSON.stringify(body)}`);
    objects.push(object);
  }
  return objects;
}

/** Retries quickly, so that the tests need not wait for a server that is back. */
const timing = { backoffMs: { min: 20, max: 500 }, discoveryMs: 300 };

/** What a test may choose. */
export interface FollowOptions extends Partial<Omit<KubernetesAdapterOptions, 'access'>> {
  readonly token?: string;
  /** Instead of a token. */
  readonly user?: object;
  /** Instead of the API server, such as a gateway before it. */
  readonly server?: string;
  /** With the rules for platforms that can fail. */
  readonly held?: boolean;
  readonly log?: MemoryLog;
  readonly clock?: Clock;
}

/** Follows the API server that `port` leads to. */
export function startAdapter(port: number, kube: TestKube, options: FollowOptions = {}) {
  const { token = adapterToken, held = false, log = new MemoryLog(), clock = systemClock, clusterId = 'c1' } = options;
  const controller = new AbortController();
  const path = kube.kubeconfigAs(options.user ?? { token }, options.server ?? `https://127.0.0.1:${port}`);
  const adapter = createKubernetesAdapter({
    ...options,
    ...{ access: () => readKubeconfig({ path }), clusterId, clock, timing: { ...timing, ...options.timing } },
  });
  const rules = held ? platformRules() : {};
  const runner = new AdapterRunner({ adapter, log, clock, logger: silentLogger, ...rules });
  const ended = runner.run(controller.signal).catch((error: unknown) => {
    if (!controller.signal.aborted) throw error;
  });
  const mesh = () => snapshotOf(log);
  const differences = async () => {
    const [registry, platform] = [registryOf(await mesh(), clusterId), await platformOf(kube, 'kubernetes', clusterId)];
    return [...new Set([...registry.keys(), ...platform.keys()])].filter(
      (subject) =>
        JSON.stringify(sortedFields(registry.get(subject))) !== JSON.stringify(sortedFields(platform.get(subject))),
    );
  };
  let last: readonly string[] = [];
  return {
    log,
    runner,
    mesh,
    /** Until the registry holds exactly what the platform does. */
    untilEqual: (what: string) =>
      waitFor(async () => (last = await differences()).length === 0, {
        everyMs: 20,
        what: () => `${what}: ${last.slice(0, 5).join()} differ; ${JSON.stringify(runner.status.value)}`,
      }),
    untilState: (state: 'synced' | 'lost') =>
      waitFor(() => runner.status.value?.state === state, { everyMs: 10, what: `state ${state}` }),
    [Symbol.asyncDispose]: async () => {
      controller.abort();
      await ended;
    },
  };
}

function sortedFields(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortedFields);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, item]) => [name, sortedFields(item)]));
}
