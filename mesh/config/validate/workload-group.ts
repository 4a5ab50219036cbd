// Validates a WorkloadGroup (istio.io/latest/docs/reference/config/networking/workload-group).
import type { ReadinessProbe, WorkloadGroupSpec } from '../schemas/workload-group.ts';
import { checkLabelValues } from './labels.ts';
import { checkOneOf, forEachAt, type Place, type SpecValidator } from './place.ts';
import { checkPort } from './ports.ts';
import { checkPortsOf, checkSocket } from './workload-entry.ts';

/** See the file's first line. */
export const validateWorkloadGroup: SpecValidator<WorkloadGroupSpec> = (spec, place) => {
  checkLabelValues(spec.metadata?.labels, place.at('metadata', 'labels'));
  checkSocket(spec.template, place.at('template'));
  checkPortsOf(spec.template, place.at('template', 'ports'));
  if (spec.probe) checkProbe(spec.probe, place.at('probe'));
};

function checkProbe(probe: ReadinessProbe, place: Place): void {
  checkOneOf(probe, ['httpGet', 'tcpSocket', 'exec', 'grpc'], place, { exactly: true });
  for (const name of [
    'initialDelaySeconds',
    'timeoutSeconds',
    'periodSeconds',
    'successThreshold',
    'failureThreshold',
  ] as const)
    if ((probe[name] ?? 0) < 0) place.at(name).error(`can't be negative, found ${probe[name]}`);
  if (probe.httpGet) {
    checkPort(probe.httpGet.port, place.at('httpGet', 'port'));
    const scheme = probe.httpGet.scheme ?? '';
    if (!['', 'HTTP', 'HTTPS'].includes(scheme))
      place.at('httpGet', 'scheme').error(`expected HTTP or HTTPS, found ${JSON.stringify(scheme)}`);
    forEachAt(probe.httpGet.httpHeaders, place.at('httpGet', 'httpHeaders'), (header, at) => {
      if (!/^[-A-Za-z0-9]+$/.test(header.name ?? ''))
        at.at('name').error(`${JSON.stringify(header.name ?? '')} is not the name of an HTTP header`);
    });
  }
  if (probe.tcpSocket) checkPort(probe.tcpSocket.port, place.at('tcpSocket', 'port'));
  if (probe.grpc) checkPort(probe.grpc.port, place.at('grpc', 'port'));
  if (probe.exec && (probe.exec.command.length === 0 || probe.exec.command.includes('')))
    place.at('exec', 'command').error('expected a command');
}
