// Names under which proxies find Mixer: an ordinary service of the canonical registry, each Mixer one endpoint of it.
import type { Service } from '../../events/model.ts';

/** Namespace of Periplus' own services. */
export const systemNamespace = 'periplus-system';
/** Hostname of the service that Mixers are the endpoints of. */
export const mixerHostname = `mixer.${systemNamespace}.svc.cluster.local`;
/** Port of the service and, unless told otherwise, of each Mixer: Istio's Mixer's. */
export const mixerPort = 9091;
/** Name of that port in the registry. */
export const mixerPortName = 'grpc-mixer';
/** Cluster by which proxies reach it, in Istio's naming. */
export const mixerCluster = `outbound|${mixerPort}||${mixerHostname}`;

/**
 * The service as Mixers register it. No namespace sees it (`~`): applications have no business with it, so it gets no listener and
 * no route. Translation gives its cluster to every proxy (services/pilot/translate/outbound-services.ts).
 */
export const mixerService: Service = {
  hostname: mixerHostname,
  name: 'mixer',
  namespace: systemNamespace,
  platform: 'mixer',
  addresses: [],
  ports: [{ name: mixerPortName, port: mixerPort, protocol: 'GRPC' }],
  labels: { app: 'mixer' },
  exportTo: ['~'],
  resolution: 'STATIC',
  location: 'MESH_INTERNAL',
};
