// Validates a DestinationRule (istio.io/latest/docs/reference/config/networking/destination-rule).
import type { DestinationRuleSpec, Subset, TrafficPolicy } from '../schemas/destination-rule.ts';
import { checkSubsetName } from './destination.ts';
import { checkExportTo } from './export-to.ts';
import { checkHost, isAddress, isDnsName } from './hosts.ts';
import { checkLabelValues, checkMatchLabels } from './labels.ts';
import { checkLoadBalancer } from './load-balancer.ts';
import { forEachAt, type Place, type SpecValidator } from './place.ts';
import { checkPort, checkUnique } from './ports.ts';
import { checkPercentage } from './string-match.ts';
import { checkClientTls, checkConnectionPool, checkOutlierDetection } from './traffic-policy.ts';

/** See the file's first line. */
export const validateDestinationRule: SpecValidator<DestinationRuleSpec> = (spec, place, { namespace }) => {
  checkHost(spec.host, place.at('host'), { addresses: true });
  if (spec.trafficPolicy) checkTrafficPolicy(spec.trafficPolicy, place.at('trafficPolicy'));
  forEachAt(spec.subsets, place.at('subsets'), checkSubset);
  checkUnique(
    (spec.subsets ?? []).map((subset) => subset.name),
    (index) => place.at('subsets', index, 'name'),
    'subset',
  );
  checkExportTo(spec.exportTo, place.at('exportTo'), { namespace, none: false });
  checkMatchLabels(spec.workloadSelector, place.at('workloadSelector'));
  const beyond = (spec.exportTo ?? []).filter((value) => value !== '.' && value !== namespace);
  if (spec.workloadSelector && beyond.length > 0)
    place.at('exportTo').error('a rule with workloadSelector applies to its own namespace only: expected .');
};

function checkSubset(subset: Subset, place: Place): void {
  checkSubsetName(subset.name, place.at('name'));
  checkLabelValues(subset.labels, place.at('labels'));
  if (subset.trafficPolicy) checkTrafficPolicy(subset.trafficPolicy, place.at('trafficPolicy'));
}

function checkTrafficPolicy(policy: TrafficPolicy, place: Place): void {
  if (Object.keys(policy).length === 0) place.error('a traffic policy must have at least one field');
  checkPolicy(policy, place);
  forEachAt(policy.portLevelSettings, place.at('portLevelSettings'), (settings, at) => {
    checkPort(settings.port?.number, at.at('port', 'number'));
    if (Object.keys(settings).every((name) => name === 'port'))
      at.error('port-level settings must have at least one field besides port');
    checkPolicy(settings, at);
  });
  checkUnique(
    (policy.portLevelSettings ?? []).map((settings) => settings.port?.number),
    (index) => place.at('portLevelSettings', index, 'port'),
    'port',
  );
  if (policy.tunnel) checkTunnel(policy.tunnel, place.at('tunnel'));
  checkPercentage(policy.retryBudget?.percent, place.at('retryBudget', 'percent'));
}

function checkPolicy(
  policy: Pick<TrafficPolicy, 'loadBalancer' | 'connectionPool' | 'outlierDetection' | 'tls'>,
  place: Place,
): void {
  if (policy.loadBalancer)
    checkLoadBalancer(policy.loadBalancer, place.at('loadBalancer'), policy.outlierDetection !== undefined);
  if (policy.connectionPool) checkConnectionPool(policy.connectionPool, place.at('connectionPool'));
  if (policy.outlierDetection) checkOutlierDetection(policy.outlierDetection, place.at('outlierDetection'));
  if (policy.tls) checkClientTls(policy.tls, place.at('tls'));
}

function checkTunnel(tunnel: NonNullable<TrafficPolicy['tunnel']>, place: Place): void {
  const { protocol, targetHost } = tunnel;
  if (protocol && !['CONNECT', 'POST'].includes(protocol.toUpperCase()))
    place.at('protocol').error(`expected CONNECT or POST, found ${JSON.stringify(protocol)}`);
  if (!isAddress(targetHost) && !isDnsName(targetHost))
    place.at('targetHost').error(`expected a host name or an IP address, found ${JSON.stringify(targetHost)}`);
  checkPort(tunnel.targetPort, place.at('targetPort'));
}
