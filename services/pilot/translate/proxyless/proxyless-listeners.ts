// Listeners as gRPC clients read them (Istio's GENERATOR grpc): `host:port`, with an API listener that names the routes.
import { create } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import type { Service } from '../../../../events/model.ts';
import { ListenerSchema } from '../../../../gen/envoy/config/listener/v3/listener_pb.js';
import { HttpConnectionManagerSchema } from '../../../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { encodeResource } from '../encode.ts';
import { bindAddress, wildcardAddress } from '../listeners/address.ts';
import { proxylessHttpFilters } from '../listeners/connection-manager.ts';
import { subsetKey } from '../names.ts';
import type { Lookups } from '../routes/lookups.ts';
import { isHttpOrSniffed } from '../routes/protocol.ts';
import { type EncodedResource, typeUrls } from '../translation.ts';

/** A listener for each port of each service that the client sees and that gRPC may be spoken at: others have no routes to name. */
export function proxylessListeners({ scope, memo }: Lookups): ReadonlyMap<string, EncodedResource> {
  const services = scope.egress.map((egress) => egress.services);
  return memo.get('proxyless-listeners', [memo, ...services], () => {
    const listeners = new Map<string, EncodedResource>();
    for (const service of services.flat()) {
      for (const { port, protocol } of service.ports) {
        if (!isHttpOrSniffed(protocol)) continue;
        const encoded = memo.get('proxyless-listener', [service, port], () => proxylessListener(service, port));
        if (!listeners.has(encoded.name)) listeners.set(encoded.name, encoded);
      }
    }
    return listeners;
  });
}

function proxylessListener(service: Service, port: number): EncodedResource {
  const manager = create(HttpConnectionManagerSchema, {
    httpFilters: [...proxylessHttpFilters],
    routeSpecifier: {
      case: 'rds',
      value: {
        routeConfigName: subsetKey('outbound', port, '', service.hostname),
        configSource: { configSourceSpecifier: { case: 'ads', value: {} } },
      },
    },
  });
  const name = `${service.hostname}:${port}`;
  const listener = create(ListenerSchema, {
    name,
    address: bindAddress(service.addresses[0] ?? wildcardAddress, port),
    apiListener: { apiListener: anyPack(HttpConnectionManagerSchema, manager) },
  });
  return encodeResource(typeUrls.listener, name, ListenerSchema, listener);
}
