// Destinations and their weights, shared by HTTP, TCP and TLS routes.
import type { Destination } from '../schemas/destination.ts';
import { checkHost, isDnsLabel } from './hosts.ts';
import { forEachAt, type Place } from './place.ts';
import { checkPort } from './ports.ts';

/** Reports an unusable host, subset or port. */
export function checkDestination(destination: Destination, place: Place): void {
  if (destination.host === '*') place.at('host').error('* is not a destination');
  else checkHost(destination.host, place.at('host'));
  if (destination.subset !== undefined && destination.subset !== '')
    checkSubsetName(destination.subset, place.at('subset'));
  if (destination.port !== undefined) checkPort(destination.port.number, place.at('port', 'number'));
}

/** Reports a name that no subset can have. */
export function checkSubsetName(name: string, place: Place): void {
  if (!isDnsLabel(name))
    place.error(`expected letters, digits and - (at most 63) as a subset's name, found ${JSON.stringify(name)}`);
}

/**
 * Weights are relative in Istio: any sum will do, but none may be negative, and several destinations must not all have 0. A single
 * destination gets everything, whatever its weight.
 */
export function checkWeights(
  routes: readonly { readonly destination: Destination; readonly weight?: number }[],
  place: Place,
): void {
  let total = 0;
  forEachAt(routes, place, (route, at) => {
    checkDestination(route.destination, at.at('destination'));
    if ((route.weight ?? 0) < 0) at.at('weight').error(`a weight can't be negative, found ${route.weight}`);
    total += route.weight ?? 0;
  });
  if (routes.length < 2) return;
  if (total === 0) place.error('the weights of several destinations add up to 0: no one would get traffic');
  else if (total !== 100 && total > 0)
    place.warn(`the weights add up to ${total}, not 100; they are taken as shares of ${total}`);
}
