// References to Gateways.
import { isDnsLabel, isDnsName } from './hosts.ts';
import type { Place } from './place.ts';

/** Reports what is neither `mesh`, a gateway's name, `NAMESPACE/NAME`, nor its old form, a host name (a warning). */
export function checkGatewayNames(gateways: readonly string[] | undefined, place: Place): void {
  for (const [index, gateway] of (gateways ?? []).entries()) {
    const at = place.at(index);
    const slash = gateway.indexOf('/');
    const [namespace, name] = [gateway.slice(0, slash), gateway.slice(slash + 1)];
    const isKnown = slash < 0 ? isDnsName(gateway) : isDnsLabel(namespace) && isDnsLabel(name);
    if (!isKnown) at.error(`expected mesh, NAME or NAMESPACE/NAME of a Gateway, found ${JSON.stringify(gateway)}`);
    else if (slash < 0 && gateway.includes('.')) {
      const [own = '', of = ''] = gateway.split('.');
      at.warn(`${gateway} is the old form of a Gateway's name; prefer ${of}/${own}`);
    }
  }
}
