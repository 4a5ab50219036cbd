// What is known of a proxy's workload, for the placement of its rules and for Mixer.
import type { WorkloadFacts } from '../../../../mesh/policy/workload-facts.ts';
import type { Lookups } from '../routes/lookups.ts';

/** The facts of the proxy of `scope`; the same object while they do not change. */
export function workloadFacts({ scope, memo }: Lookups): WorkloadFacts {
  const { context, instances, snapshot } = scope;
  return memo.get('workload-facts', [context, instances, snapshot.mesh], (): WorkloadFacts => {
    const { namespace, labels, serviceAccount, type, clusterId } = context;
    const ports = instances.flatMap(({ service, endpoint }) =>
      Object.values(endpoint.ports).map((port) => [String(port), service.hostname] as const),
    );
    return {
      namespace,
      name: instances.find(({ endpoint }) => endpoint.workload)?.endpoint.workload ?? '',
      labels,
      serviceAccount,
      trustDomain: snapshot.mesh.trustDomain,
      isGateway: type === 'router',
      ...(clusterId === '' ? {} : { clusterId }),
      services: Object.fromEntries(ports.reverse()),
    };
  });
}
