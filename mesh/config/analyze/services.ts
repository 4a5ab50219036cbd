// Services as platforms have them: ports whose names do not tell their protocol.
import type { Service } from '../../../events/model.ts';
import type { Problem } from '../problem.ts';
import type { MeshIndex } from './mesh-index.ts';

/** IST0118 (the protocol has to be detected) and IST0150 (of an ExternalName service, whose bytes may go astray). */
export function analyzeServices(index: MeshIndex): readonly Problem[] {
  return [...index.snapshot.registry.services.values()]
    .filter(({ platform, labels }) => (platform === 'kubernetes' || platform === 'files') && !isIstiosOwn(labels))
    .flatMap((service) =>
      service.ports.flatMap(({ name, port, protocol, targetPort }, i) => {
        const isExternal = service.externalName !== undefined;
        if (protocol !== 'Unsupported' && !(isExternal && name === 'tcp')) return [];
        const message = isExternal
          ? 'Port name for ExternalName service is invalid. Proxy may prevent tcp named ports and unmatched traffic for ports serving TCP protocol from being forwarded correctly'
          : `Port name ${name} (port: ${port}, targetPort: ${targetPort ?? port}) doesn't follow the naming convention of Istio port.`;
        return [at(service, `spec.ports[${i}].name`, isExternal ? 'IST0150' : 'IST0118', message)];
      }),
    );
}

/** Services of Istio's installation, and those that a gateway controller writes: nobody here chose their ports' names. */
function isIstiosOwn(labels: Readonly<Record<string, string>>): boolean {
  const controllers = ['istio.io-gateway-controller', 'istio.io-mesh-controller', 'istio.io-eastwest-controller'];
  return (
    labels.istio !== undefined ||
    labels.release === 'istio' ||
    controllers.includes(labels['gateway.istio.io/managed'] ?? '')
  );
}

function at({ namespace, name }: Service, path: string, code: string, message: string): Problem {
  return { severity: 'warning', resource: `Service/${namespace}/${name}`, path, code, message };
}
