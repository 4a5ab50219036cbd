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
  checkHost(spec.host, place.at('host'));
  if (spec.trafficPolicy) checkTrafficPolicy(spec.trafficPolicy, place.at('trafficPolicy'), namespace);
  forEachAt(spec.subsets, place.at('subsets'), (subset, at) => checkSubset(subset, at, namespace));
  checkUnique(
    (spec.subsets ?? []).map((subset) => subset.name),
    (index) => place.at('subsets', index, 'name'),
    { what: 'subset' },
  );
  checkExportTo(spec.exportTo, place.at('exportTo'), { namespace, none: false });
  checkMatchLabels(spec.workloadSelector, place.at('workloadSelector'));
  const isBeyond = spec.exportTo?.some((value) => value !== '.' && value !== namespace);
  if (spec.workloadSelector && isBeyond)
    place.at('exportTo').error('a rule with workloadSelector applies to its own namespace only: expected .');
};

function checkSubset(subset: Subset, place: Place, namespace: string): void {
  checkSubsetName(subset.name, place.at('name'));
  checkLabelValues(subset.labels, place.at('labels'));
  if (subset.trafficPolicy) checkTrafficPolicy(subset.trafficPolicy, place.at('trafficPolicy'), namespace);
}

function checkTrafficPolicy(policy: TrafficPolicy, place: Place, namespace: string): void {
  if (Object.keys(policy).length === 0) place.error('a traffic policy must have at least one field');
  checkPolicy(policy, place, namespace);
  forEachAt(policy.portLevelSettings, place.at('portLevelSettings'), (settings, at) => {
    if (settings.port === undefined) at.at('port').error('is required');
    else if (settings.port.number) checkPort(settings.port.number, at.at('port', 'number'));
    else at.at('port', 'number').warn('without a number the settings are for no port');
    if (Object.keys(settings).every((name) => name === 'port'))
      at.error('port-level settings must have at least one field besides port');
    checkPolicy(settings, at, namespace);
  });
  checkUnique(
    (policy.portLevelSettings ?? []).map((settings) => settings.port?.number),
    (index) => place.at('portLevelSettings', index, 'port'),
    { what: 'port', warns: true },
  );
  if (policy.tunnel && policy.proxyProtocol) place.error('only one of tunnel and proxyProtocol may be set');
  if (policy.tunnel) checkTunnel(policy.tunnel, place.at('tunnel'));
  checkPercentage(policy.retryBudget?.percent, place.at('retryBudget', 'percent'));
}

function checkPolicy(
  policy: Pick<TrafficPolicy, 'loadBalancer' | 'connectionPool' | 'outlierDetection' | 'tls'>,
  place: Place,
  namespace: string,
): void {
  if (policy.loadBalancer)
    checkLoadBalancer(policy.loadBalancer, place.at('loadBalancer'), policy.outlierDetection !== undefined);
  if (policy.connectionPool) checkConnectionPool(policy.connectionPool, place.at('connectionPool'));
  if (policy.outlierDetection) checkOutlierDetection(policy.outlierDetection, place.at('outlierDetection'));
  if (policy.tls) checkClientTls(policy.tls, place.at('tls'), namespace);
}

function checkTunnel(tunnel: NonNullable<TrafficPolicy['tunnel']>, place: Place): void {
  const { protocol, targetHost } = tunnel;
  if (protocol && !['CONNECT', 'POST'].includes(protocol))
    place.at('protocol').error(`expected CONNECT or POST, found ${JSON.stringify(protocol)}`);
  if (!isAddress(targetHost) && !isDnsName(targetHost))
    place.at('targetHost').error(`expected a host name or an IP address, found ${JSON.stringify(targetHost)}`);
  checkPort(tunnel.targetPort, place.at('targetPort'));
}
