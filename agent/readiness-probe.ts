// A WorkloadGroup's probe as the agent runs it, with the defaults of Istio's agent (pkg/istio-agent/health). Pure.
import type { ReadinessProbe } from '../mesh/config/schemas/workload-group.ts';
import type { ProbeOptions } from './probe.ts';
import type { ProbeTarget } from './probe-targets.ts';

/** Undefined where the probe names nothing to ask. */
export function probeOptionsOf(probe: ReadinessProbe): ProbeOptions | undefined {
  const target = targetOf(probe);
  if (target === undefined) return undefined;
  const seconds = (value: number | undefined, otherwise: number) => (value || otherwise) * 1_000;
  return {
    ...target,
    initialDelayMs: seconds(probe.initialDelaySeconds, 0),
    timeoutMs: seconds(probe.timeoutSeconds, 1),
    periodMs: seconds(probe.periodSeconds, 10),
    successThreshold: probe.successThreshold || 1,
    failureThreshold: probe.failureThreshold || 1,
  };
}

/** The application is beside the agent: as Istio's, it is asked at `localhost` unless the probe says otherwise. */
function targetOf({ httpGet, tcpSocket, exec, grpc }: ReadinessProbe): ProbeTarget | undefined {
  if (httpGet) {
    const { scheme, host, port, path, httpHeaders = [] } = httpGet;
    const place = `${(scheme || 'HTTP').toLowerCase()}://${hostOf(host)}:${port}`;
    const headers = Object.fromEntries(httpHeaders.map(({ name = '', value = '' }) => [name, value]));
    return { url: place + pathOf(path), headers: { 'user-agent': 'istio-probe/1.0', ...lowerCased(headers) } };
  }
  if (tcpSocket) return { url: `tcp://${hostOf(tcpSocket.host)}:${tcpSocket.port}` };
  if (exec) return { command: exec.command };
  if (grpc) return { grpc: `localhost:${grpc.port ?? 0}`, service: grpc.service ?? '' };
  return undefined;
}

function hostOf(host: string | undefined): string {
  return host?.includes(':') ? `[${host}]` : host || 'localhost';
}

function pathOf(path: string | undefined): string {
  return path?.startsWith('/') ? path : `/${path ?? ''}`;
}

function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
