// Values of Istio's annotations on Pods, as its injector takes them (istio.io/latest/docs/reference/config/annotations).
import { isAddressOrCidr } from '../validate/hosts.ts';

/** What is wrong with a value; undefined where nothing is. */
type Check = (value: string) => string | undefined;

const maxPort = 65_535;
const maxUint32 = 2 ** 32 - 1;
/** As the Linux kernel has it. */
const maxInterfaceName = 15;

const quantityForm = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+|[numkMGTPE]|[KMGTPE]i)?$/;
const interfaceForm = /^[a-zA-Z][a-zA-Z0-9_.-]*$/;
const prefixForm = /\/(?:0|[1-9]\d*)$/;
const booleans = ['1', 't', 'T', 'TRUE', 'true', 'True', '0', 'f', 'F', 'FALSE', 'false', 'False'];

const isUnsigned = (text: string, max: number) => /^\d+$/.test(text) && Number(text) <= max;
const quoted = (text: string) => JSON.stringify(text);

const uint32: Check = (value) =>
  isUnsigned(value, maxUint32) ? undefined : `expected a whole number, found ${quoted(value)}`;
const bool: Check = (value) =>
  booleans.includes(value) ? undefined : `expected true or false, found ${quoted(value)}`;
const quantity: Check = (value) =>
  quantityForm.test(value) ? undefined : `expected a quantity such as 100m or 128Mi, found ${quoted(value)}`;
const port: Check = (value) =>
  isUnsigned(value.trim(), maxPort) ? undefined : `expected a port, found ${quoted(value)}`;
const interceptionMode: Check = (value) =>
  ['REDIRECT', 'TPROXY', 'NONE'].includes(value)
    ? undefined
    : `interceptionMode invalid, use REDIRECT,TPROXY,NONE: ${value}`;

/** Of a list with commas, each of which has to pass. `*` alone passes where it means all. */
const listOf =
  (check: Check, { name, all = false }: { readonly name: string; readonly all?: boolean }): Check =>
  (value) => {
    if (value.trim() === '' || (all && value === '*')) return undefined;
    const problem = value.split(',').flatMap((one) => check(one) ?? [])[0];
    return problem === undefined ? undefined : `${name} invalid: ${problem}`;
  };

const cidr: Check = (text) =>
  isAddressOrCidr(text) && prefixForm.test(text) && !text.includes('%')
    ? undefined
    : `expected ADDRESS/PREFIX LENGTH, found ${quoted(text)}`;
const interfaceName: Check = (text) => {
  const name = text.trim();
  return interfaceForm.test(name) && name.length <= maxInterfaceName
    ? undefined
    : `expected the name of a network interface, found ${quoted(name)}`;
};

const checks: ReadonlyMap<string, Check> = new Map([
  ['sidecar.istio.io/interceptionMode', interceptionMode],
  ['status.sidecar.istio.io/port', port],
  ['readiness.status.sidecar.istio.io/initialDelaySeconds', uint32],
  ['readiness.status.sidecar.istio.io/periodSeconds', uint32],
  ['readiness.status.sidecar.istio.io/failureThreshold', uint32],
  ['traffic.sidecar.istio.io/includeOutboundIPRanges', listOf(cidr, { name: 'includeIPRanges', all: true })],
  ['traffic.sidecar.istio.io/excludeOutboundIPRanges', listOf(cidr, { name: 'excludeIPRanges' })],
  ['traffic.sidecar.istio.io/includeInboundPorts', listOf(port, { name: 'includeInboundPorts', all: true })],
  ['traffic.sidecar.istio.io/excludeInboundPorts', listOf(port, { name: 'excludeInboundPorts' })],
  ['traffic.sidecar.istio.io/excludeOutboundPorts', listOf(port, { name: 'excludeOutboundPorts' })],
  ['traffic.sidecar.istio.io/excludeInterfaces', listOf(interfaceName, { name: 'excludeInterfaces' })],
  ['traffic.sidecar.istio.io/kubevirtInterfaces', listOf(interfaceName, { name: 'kubevirtInterfaces' })],
  ['istio.io/reroute-virtual-interfaces', listOf(interfaceName, { name: 'reroute-virtual-interfaces' })],
  ['prometheus.istio.io/merge-metrics', bool],
  ['sidecar.istio.io/proxyCPU', quantity],
  ['sidecar.istio.io/proxyCPULimit', quantity],
  ['sidecar.istio.io/proxyMemory', quantity],
  ['sidecar.istio.io/proxyMemoryLimit', quantity],
]);

/** What is wrong with the value of an annotation of a Pod; undefined where nothing is, and for those whose values nobody checks. */
export function annotationProblem(name: string, value: string): string | undefined {
  return checks.get(name)?.(value);
}
