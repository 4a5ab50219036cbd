// References to Gateways.
import { isNamespace } from './hosts.ts';
import type { Place } from './place.ts';

/** Reports what is neither `mesh`, a gateway's name, `NAMESPACE/NAME`, nor its old form, a host name. */
export function checkGatewayName(gateway: string, place: Place): void {
  const [first = '', second, ...more] = gateway.split('/');
  const named =
    second === undefined
      ? /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(first)
      : isNamespace(first) && /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(second);
  if (!named || more.length > 0)
    place.error(`expected mesh, NAME or NAMESPACE/NAME of a Gateway, found ${JSON.stringify(gateway)}`);
}
