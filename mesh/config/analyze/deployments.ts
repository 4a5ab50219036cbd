// Deployments and Pods of files: Services that disagree about a Deployment's ports, and applications that run as the proxy's user.
import { isRecord } from '../check-schema.ts';
import { formatPath, type Path, type Problem } from '../problem.ts';
import type { KubernetesDeployment, KubernetesService } from '../schemas/kubernetes.ts';
import { groupBy, hasLabels, type MeshIndex } from './mesh-index.ts';
import { containersOf, isInMesh, type PodTemplate, templateOfDeployment, templateOfPod } from './pod-template.ts';
import type { Shown, ShownObject } from './shown-objects.ts';

/** IST0116 (a port with two protocols), IST0137 (a target port of two ports) and IST0144 (user 1337). */
export function analyzeDeployments({ shown }: MeshIndex): readonly Problem[] {
  const deployments = shown.deployments.map((one) => ({ one, template: templateOfDeployment(one) }));
  const pods = shown.pods.map((one) => ({ one, template: templateOfPod(one) }));
  return [
    ...deployments
      .filter(({ one, template }) => !isWaypoint(one) && isInMesh(template, shown))
      .flatMap(({ one, template }) => conflictingServices(one, template, shown.services)),
    ...[...deployments, ...pods].flatMap(({ one, template }) => proxysUser(one, template)),
  ];
}

/** Ambient mode's proxies, which a controller deploys. */
function isWaypoint({ metadata }: ShownObject): boolean {
  return metadata.labels?.['gateway.istio.io/managed'] === 'istio.io-mesh-controller';
}

/** One port of a Service that selects the Deployment's Pods. */
interface ClaimedPort {
  readonly service: string;
  readonly port: number;
  readonly protocol: string;
  /** Port 0 and none mean the port. */
  readonly targetPort: string;
}

function conflictingServices(
  deployment: Shown<KubernetesDeployment>,
  template: PodTemplate,
  services: readonly Shown<KubernetesService>[],
): readonly Problem[] {
  const claimed = services
    .filter(({ namespace, object }) => namespace === deployment.namespace && selects(object, template))
    .flatMap(portsOf);
  const { name } = deployment;
  const twoProtocols = [...groupBy(claimed, ({ port }) => String(port))]
    .filter(([, ports]) => new Set(ports.map(({ protocol }) => protocol)).size > 1)
    .map(([port, ports]) => {
      const names = ports.map(({ service }) => service).sort();
      const message = `This deployment ${name} is associated with multiple services using port ${port} but different protocols: [${names.join(' ')}]`;
      return problem(deployment, ['metadata', 'name'], 'IST0116', message);
    });
  const twoPorts = [...groupBy(claimed, ({ targetPort }) => targetPort)].flatMap(([targetPort, ports]) => {
    // Of several Services with one port the last speaks for it.
    const byPort = new Map(ports.map(({ port, service }) => [port, service]));
    if (byPort.size < 2) return [];
    const [names, numbers] = [[...byPort.values()].sort(), [...byPort.keys()].sort((a, b) => a - b)];
    const message = `This deployment ${name} is associated with multiple services [${names.join(' ')}] using targetPort ${JSON.stringify(targetPort)} but different ports: [${numbers.join(' ')}].`;
    return [problem(deployment, ['metadata', 'name'], 'IST0137', message)];
  });
  return [...twoProtocols, ...twoPorts];
}

function selects({ spec }: KubernetesService, { labels }: PodTemplate): boolean {
  const selector = spec?.selector ?? {};
  return Object.keys(selector).length > 0 && hasLabels(labels, selector);
}

function portsOf({ namespace, name, object }: Shown<KubernetesService>): readonly ClaimedPort[] {
  return (object.spec?.ports ?? []).map(({ port, protocol = 'TCP', targetPort }) => ({
    service: `${namespace}/${name}`,
    ...{ port, protocol },
    targetPort: String(targetPort || port),
  }));
}

/** The user of Istio's proxy and of Periplus' agent: what it sends is not captured. */
const proxyUser = 1337;
const proxyContainers: readonly unknown[] = ['istio-proxy', 'istio-operator'];

function proxysUser(owner: ShownObject, template: PodTemplate): readonly Problem[] {
  const { labels } = owner.metadata;
  // Istio's own may.
  if (labels?.istio !== undefined || labels?.release === 'istio') return [];
  const { path, spec } = template;
  const contexts: readonly (readonly [Path, unknown])[] = [
    [path, spec.securityContext],
    ...containersOf(template).flatMap(({ name, securityContext }, i): readonly (readonly [Path, unknown])[] =>
      proxyContainers.includes(name) ? [] : [[[...path, 'containers', i], securityContext]],
    ),
  ];
  return contexts
    .filter(([, context]) => isRecord(context) && context.runAsUser === proxyUser)
    .map(([at]) => {
      const message = `User ID (UID) ${proxyUser} is reserved for the sidecar proxy.`;
      return problem(owner, [...at, 'securityContext', 'runAsUser'], 'IST0144', message);
    });
}

function problem({ kind, namespace, name }: ShownObject, path: Path, code: string, message: string): Problem {
  return { severity: 'warning', resource: `${kind}/${namespace}/${name}`, path: formatPath(path), code, message };
}
