// Nomad's instances of one service as a service, endpoints and workloads of the mesh. README.md lists the rules.
import type { Endpoint, Health, Service, ServicePort } from '../../events/model.ts';
import { compareStrings } from '../../mesh/compare.ts';
import { parseProtocol } from '../../mesh/protocol.ts';
import type { Observed } from '../adapter.ts';
import { commonLabels, hostnameByRule, isDnsName, portNumber, protocolOfPort, workloadAt } from '../named-services.ts';
import type { NomadAllocation, NomadChecks, NomadRegistration } from './nomad-types.ts';

/** The `platform` of what Nomad shows. */
export const nomadPlatform = 'nomad';

/** How Nomad's names and places are read. */
export interface NomadRules {
  /** Hostname with NAME and NS replaced: `NAME.NS.svc.cluster.local`. */
  readonly hostname?: string;
  /** Region asked for, if one was. */
  readonly region?: string;
}

/** Names as Kubernetes has them: Nomad has no DNS of its own. */
export const defaultHostname = 'NAME.NS.svc.cluster.local';

/** Ports that Nomad hands out unless `min_dynamic_port` and `max_dynamic_port` of its clients say otherwise. */
const dynamicPorts = { min: 20_000, max: 32_000 };
/** What stands for a port that Nomad chose: each instance has another one. */
const defaultPort = 80;

/** An instance with what else is known about it. */
export interface NomadInstance {
  readonly registration: NomadRegistration;
  readonly allocation: NomadAllocation | undefined;
  readonly checks: NomadChecks | undefined;
  /** Of its job. */
  readonly meta: Labels;
}

type Labels = Readonly<Record<string, string>>;

/** What the instances of one service are in the mesh: nothing without instances. */
export function translateInstances(
  instances: readonly NomadInstance[],
  rules: NomadRules = {},
): { readonly items: readonly Observed[]; readonly problem?: string } {
  const sorted = instances.filter(({ registration }) => registration.Port > 0).sort(byAge);
  const first = sorted[0];
  if (first === undefined) return { items: [] };
  const { ServiceName, Namespace } = first.registration;
  const name = ServiceName.toLowerCase();
  const hostname = hostnameByRule(rules.hostname ?? defaultHostname, { NAME: name, NS: Namespace });
  if (!isDnsName(hostname))
    return { items: [], problem: `"${hostname}" is no DNS name: rename the service, or map its name` };
  const service: Service = {
    ...{ hostname, name, namespace: Namespace, platform: nomadPlatform, addresses: [], ports: [portOf(first)] },
    ...(rules.region && { clusterId: rules.region }),
    ...{ labels: commonLabels(sorted.map(labelsOf)), resolution: 'STATIC', location: 'MESH_INTERNAL' },
  };
  const instancesOf = (instance: NomadInstance): readonly Observed[] => {
    const endpoint = endpointOf(instance, service, rules);
    return [
      { kind: 'endpoint', value: endpoint },
      { kind: 'workload', value: workloadAt(endpoint) },
    ];
  };
  return { items: [{ kind: 'service', value: service }, ...sorted.flatMap(instancesOf)] };
}

function endpointOf(instance: NomadInstance, service: Service, { region }: NomadRules): Endpoint {
  const { registration } = instance;
  const { hostname, namespace, platform, clusterId } = service;
  const labels = labelsOf(instance);
  const weight = Number(labels.weight);
  const own = labels.region ? [labels.region, labels.zone] : [region, registration.Datacenter];
  const locality = own.filter((part) => part).join('/');
  // Citadel's name of the same workload (services/citadel/attest/jwt-claims.ts): the job is the service account.
  const serviceAccount = labels['service-account'] || registration.JobID;
  return {
    ...{ id: registration.ID, hostname, namespace, platform, labels, address: registration.Address },
    ...(clusterId && { clusterId }),
    ports: Object.fromEntries(service.ports.map((port) => [port.name, registration.Port])),
    health: healthOf(instance),
    ...(Number.isInteger(weight) && weight > 1 && { weight }),
    ...(locality && { locality }),
    ...(labels.network && { network: labels.network }),
    ...(serviceAccount && { serviceAccount }),
    // Not the allocation: each of its services has labels of its own, by which selectors find it.
    workload: registration.ID,
  };
}

/**
 * Declared by tag or job meta `service-port`; else the oldest instance's own port, unless Nomad chose that one: then 80.
 * The protocol: tag or meta `protocol=…`, else `port-name` up to its first dash, else a bare tag that is a protocol's name.
 */
function portOf(instance: NomadInstance): ServicePort {
  const labels = labelsOf(instance);
  const { Port, Tags } = instance.registration;
  const isDynamic = Port >= dynamicPorts.min && Port <= dynamicPorts.max;
  const port = portNumber(labels['service-port']) ?? (isDynamic ? defaultPort : Port);
  const named = labels['port-name'];
  const bare = [...(Tags ?? [])].sort().find((tag) => parseProtocol(tag) !== 'Unsupported');
  const declared = protocolOfPort(named ?? '', labels.protocol);
  const protocol = declared === 'Unsupported' ? parseProtocol(bare ?? '') : declared;
  return { name: named ?? (protocol === 'Unsupported' ? 'default' : protocol.toLowerCase()), port, protocol };
}

/** `app: NAME`, then the job's meta, then tags (`key=value`, or the bare tag with the value `true`), which are nearer to the instance. */
function labelsOf({ registration, meta }: NomadInstance): Labels {
  const labels: Record<string, string> = { app: registration.ServiceName, ...meta };
  for (const tag of registration.Tags ?? []) {
    const at = tag.indexOf('=');
    if (at > 0) labels[tag.slice(0, at)] = tag.slice(at + 1);
    else if (at < 0 && tag !== '') labels[tag] = 'true';
  }
  return labels;
}

/** What is to stop finishes what it has; a failed deployment or check, or a client that is not heard of, gets nothing. */
function healthOf({ registration, allocation, checks }: NomadInstance): Health {
  const { DesiredStatus = 'run', ClientStatus = 'running' } = allocation ?? {};
  if (ClientStatus !== 'running' || allocation?.DeploymentStatus?.Healthy === false) return 'unhealthy';
  if (DesiredStatus !== 'run' || allocation?.DesiredTransition?.Migrate === true) return 'draining';
  const isFailing = Object.values(checks ?? {}).some(
    ({ Service, Status }) => Status === 'failure' && (Service === undefined || Service === registration.ServiceName),
  );
  return isFailing ? 'unhealthy' : 'healthy';
}

function byAge({ registration: a }: NomadInstance, { registration: b }: NomadInstance): number {
  return (a.CreateIndex ?? 0) - (b.CreateIndex ?? 0) || compareStrings(a.ID, b.ID);
}
