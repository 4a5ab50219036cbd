// Every traffic case, by area: what the tests run and the reference lists.
import type { TrafficCase } from './case.ts';
import { destinationRuleCases } from './cases/destination-rule.ts';
import { gatewayCases } from './cases/gateway.ts';
import { httpMatchCases } from './cases/http-match.ts';
import { httpPolicyCases } from './cases/http-policy.ts';
import { httpRouteCases } from './cases/http-route.ts';
import { loadBalancingCases } from './cases/load-balancing.ts';
import { meshConfigCases } from './cases/mesh-config.ts';
import { protocolCases } from './cases/protocols.ts';
import { serviceEntryCases } from './cases/service-entry.ts';
import { sidecarCases } from './cases/sidecar.ts';
import { tlsOriginationCases } from './cases/tls-origination.ts';

/** Cases by the name of their area, which is their file's. */
export const areas: Readonly<Record<string, readonly TrafficCase[]>> = {
  'http-match': httpMatchCases,
  'http-route': httpRouteCases,
  'http-policy': httpPolicyCases,
  'load-balancing': loadBalancingCases,
  'destination-rule': destinationRuleCases,
  gateway: gatewayCases,
  'tls-origination': tlsOriginationCases,
  protocols: protocolCases,
  'service-entry': serviceEntryCases,
  sidecar: sidecarCases,
  'mesh-config': meshConfigCases,
};
