// Validates TCP and TLS routes.
import type {
  L4MatchAttributes,
  TCPRoute,
  TLSMatchAttributes,
  TLSRoute,
  VirtualServiceSpec,
} from '../schemas/virtual-service.ts';
import { checkWeights } from './destination.ts';
import { checkGatewayHost, checkHost, isAddress, isAddressOrCidr, isHostSubset, isWildcardName } from './hosts.ts';
import { checkSource } from './http-match.ts';
import { forEachAt, type Place } from './place.ts';
import { checkPort } from './ports.ts';

/** Reports everything wrong with a TCP route. */
export function checkTcpRoute(route: TCPRoute, place: Place): void {
  if (!route.route?.length) place.at('route').error('a TCP route needs a destination');
  else checkWeights(route.route, place.at('route'));
  forEachAt(route.match, place.at('match'), (match, at) => {
    checkL4(match, at);
    if (match.sourceSubnet && !isAddressOrCidr(match.sourceSubnet))
      at.at('sourceSubnet').error(notCidr(match.sourceSubnet));
  });
}

/** Reports everything wrong with a TLS route of a VirtualService with `hosts`; `atGateway`: it is for gateways alone. */
export function checkTlsRoute(
  route: TLSRoute,
  place: Place,
  { hosts = [], atGateway }: Pick<VirtualServiceSpec, 'hosts'> & { readonly atGateway: boolean },
): void {
  if (route.match.length === 0) place.at('match').error('a TLS route needs a match with sniHosts');
  if (!route.route?.length) place.at('route').error('a TLS route needs a destination');
  else checkWeights(route.route, place.at('route'));
  forEachAt(route.match, place.at('match'), (match, at) => {
    checkL4(match, at);
    if (match.sniHosts.length === 0) at.at('sniHosts').error('needs at least one host');
    forEachAt(match.sniHosts, at.at('sniHosts'), (sni, sniPlace) => {
      if (isAddress(sni) && !isWildcardName(sni)) {
        sniPlace.warn('an address is no server name (RFC 6066): most clients send none for it');
        return;
      }
      if (atGateway) checkGatewayHost(sni, sniPlace, { sni: true });
      else checkHost(sni, sniPlace);
      if (!hosts.some((host) => isHostSubset(sni, host)))
        sniPlace.error(`${sni} is not covered by any of the VirtualService's hosts`);
    });
  });
}

function checkL4(match: L4MatchAttributes | TLSMatchAttributes, place: Place): void {
  forEachAt(match.destinationSubnets, place.at('destinationSubnets'), (subnet, at) => {
    if (!isAddressOrCidr(subnet)) at.error(notCidr(subnet));
  });
  if (match.port !== undefined && match.port !== 0) checkPort(match.port, place.at('port'));
  checkSource(match, place);
}

function notCidr(text: string): string {
  return `expected an IP address or a range such as 10.0.0.0/8, found ${JSON.stringify(text)}`;
}
