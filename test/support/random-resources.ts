// Random valid traffic resources, drawn from the schemas themselves: every field may occur, with values that mean something in the test's mesh.
import { parseDocuments } from '../../mesh/config/parse.ts';
import { hasErrors } from '../../mesh/config/problem.ts';
import { kinds } from '../../mesh/config/schemas/kinds.ts';
import type { Schema } from '../../mesh/config/schemas/schema.ts';
import { validateObjects } from '../../mesh/config/validate.ts';
import type { CertificateFiles } from '../traffic/certificates.ts';
import type { Manifest } from '../traffic/resources.ts';

/** Kinds that are drawn; EnvoyFilter takes anything and is planted by hand. */
export const randomKinds = [
  'VirtualService',
  'DestinationRule',
  'Gateway',
  'ServiceEntry',
  'WorkloadEntry',
  'Sidecar',
] as const;
/** One of them. */
export type RandomKind = (typeof randomKinds)[number];

/** Services that random resources name: `s0` to `s5` in `default`, with these ports. */
export const randomPorts = [
  { name: 'http', port: 80, protocol: 'HTTP' },
  { name: 'tcp', port: 3306, protocol: 'TCP' },
  { name: 'tls', port: 443, protocol: 'TLS' },
] as const;

const hosts = ['s0', 's1', 's2', 's3.default.svc.cluster.local', 's4', 's5', 'one.example.com', '*.wild.example.com'];

/** Values of texts by the name of their field; what is not here gets `other`. */
function textsOf(files: CertificateFiles): Readonly<Record<string, readonly string[]>> {
  return {
    host: hosts.slice(0, 7),
    hosts,
    subset: ['v1', 'v2'],
    name: ['v1', 'v2', 'http', 'tcp'],
    gateways: ['mesh', 'gw0', 'gw1'],
    exportTo: ['*', '.', 'shop'],
    exact: ['/a', 'b', 'GET'],
    prefix: ['/a', '/', 'b'],
    regex: ['/a.*', '[a-z]+', 'b|c'],
    protocol: ['HTTP', 'HTTPS', 'TCP', 'TLS', 'GRPC', 'HTTP2'],
    retryOn: ['5xx', 'connect-failure,reset', '503,retriable-status-codes'],
    address: ['127.9.0.1', '127.9.0.2', '127.9.0.3'],
    addresses: ['10.96.9.1', '10.96.9.2', '10.97.0.0/16'],
    bind: ['127.0.0.1'],
    sniHosts: ['one.example.com', '*.wild.example.com', 's4.default.svc.cluster.local'],
    destinationSubnets: ['10.96.0.0/16', '127.9.0.1/32'],
    caCertificates: [files.ca],
    caCrl: [files.revocations],
    clientCertificate: [files.client],
    privateKey: [files.clientKey],
    serverCertificate: [files.client],
    credentialName: ['absent'],
    credentialNames: ['absent'],
    sni: ['one.example.com'],
    authority: ['one.example.com'],
    uri: ['/x'],
    scheme: ['https'],
    locality: ['r1/z1/a', 'r2/z1/b'],
    from: ['r1', 'r1/z1/*'],
    to: ['r2'],
    network: ['', 'n2'],
    serviceAccount: ['default'],
    defaultEndpoint: ['127.0.0.1:8080'],
    httpHeaderName: ['x-user'],
    httpQueryParameterName: ['user'],
    path: ['/'],
    namespace: ['default'],
    sourceNamespace: ['default', 'shop'],
    match: ['/a(.*)'],
    rewrite: ['/b\\1'],
    allowMethods: ['GET', 'POST'],
    statPrefix: ['stat'],
    string: ['text'],
    failoverPriority: ['topology.kubernetes.io/region', 'version=v1'],
    outlierDetectionHttpErrorCodes: ['500'],
    value: ['x'],
    targetHost: ['one.example.com'],
    cipherSuites: ['ECDHE-ECDSA-AES128-GCM-SHA256'],
    subjectAltNames: ['one.example.com'],
    verifyCertificateSpki: [Buffer.alloc(32, 1).toString('base64')],
    verifyCertificateHash: ['00'.repeat(32)],
  };
}
const other = ['x-one', 'x-two'];
const fixedNumbers: Readonly<Record<string, readonly number[]>> = {
  number: [80, 443, 3306, 8080, 9000],
  port: [80, 443, 3306],
  targetPort: [8080, 3306],
  redirectCode: [301, 302, 307],
  httpStatus: [400, 503],
  status: [200, 404, 503],
  percent: [0, 10, 50, 100],
  weight: [0, 1, 50, 100],
  tableSize: [65_537, 17],
  minimumRingSize: [1, 1024],
};
/** Where drawing at random finds a valid one seldom. */
const smallest: Partial<Record<RandomKind, unknown>> = {
  VirtualService: { hosts: ['s0'], http: [{ route: [{ destination: { host: 's1' } }] }] },
};
const smallestGateway = ([number]: readonly number[]) => ({
  selector: { istio: 'ingressgateway' },
  servers: [{ port: { number, name: 'http', protocol: 'HTTP' }, hosts: ['*'] }],
});
/** Attempts at a first valid resource. */
const maxTries = 400;
/** Attempts to add something. */
const maxSteps = 120;

/** Draws resources; `random` gives numbers from 0 up to 1. Gateways and Sidecars listen on `listenerPorts`. */
export function randomResources(
  random: () => number,
  { files, listenerPorts }: { readonly files: CertificateFiles; readonly listenerPorts: readonly number[] },
) {
  const texts = textsOf(files);
  let numbers = fixedNumbers;
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;

  const draw = (schema: Schema, field: string, density: number): unknown => {
    switch (schema.form) {
      case 'text':
        if (schema.format === 'base64') return 'eA==';
        if (schema.format === 'duration-or-zero') return pick(['0s', '1s', '0.250s']);
        return schema.format === 'duration' ? pick(['1s', '10s', '0.250s', '60s']) : pick(texts[field] ?? other);
      case 'number': {
        const known = (numbers[field] ?? [1, 2, 5, 20]).filter((n) => n >= schema.min && n <= schema.max);
        return known.length > 0 ? pick(known) : schema.min;
      }
      case 'flag':
        return random() < 0.5;
      case 'enum':
        return pick(schema.values);
      case 'number-or-text':
        return 80;
      case 'struct':
      case 'anything':
        return {};
      case 'list':
        return Array.from({ length: 1 + Math.floor(random() * 2) }, () => draw(schema.item, field, density));
      case 'map':
        return drawMap(schema, field, density);
      case 'object':
        return Object.fromEntries(
          Object.entries(schema.fields).flatMap(([name, inner]) =>
            schema.required.has(name) || random() < density ? [[name, draw(inner, name, density)]] : [],
          ),
        );
      default:
        return schema satisfies never;
    }
  };
  const drawMap = (schema: Schema & { readonly form: 'map' }, field: string, density: number): unknown => {
    if (field === 'selector') return { istio: 'ingressgateway' };
    if (/labels$/i.test(field)) return { version: pick(['v1', 'v2']) };
    if (field === 'to') return { 'r1/*': 70, 'r2/*': 30 };
    if (field === 'ports') return { http: 8080, tcp: 3306 };
    return { [pick(['x-one', 'x-two'])]: draw(schema.value, field, density) };
  };

  /** `value` with something more somewhere in it. */
  const grown = (schema: Schema, value: unknown, field: string): unknown => {
    if (schema.form === 'list') {
      const items = value as readonly unknown[];
      const at = Math.floor(random() * (items.length + 1));
      if (at === items.length) return items.length < 3 ? [...items, draw(schema.item, field, 0.2)] : items;
      return items.map((item, index) => (index === at ? grown(schema.item, item, field) : item));
    }
    if (schema.form !== 'object') return value;
    const name = pick(Object.keys(schema.fields));
    const inner = schema.fields[name] as Schema;
    const present = (value as Record<string, unknown>)[name];
    const next = present === undefined ? draw(inner, name, 0.1) : grown(inner, present, name);
    return { ...(value as object), [name]: next };
  };

  /** A valid resource of the kind, named NAME: a small one, to which is added what keeps it valid. */
  const resource = (kind: RandomKind, name: string): Manifest => {
    const { schema, apiVersions } = kinds.get(kind) ?? {};
    if (!schema || !apiVersions) throw new Error(`no kind ${kind}`);
    numbers = kind === 'Gateway' || kind === 'Sidecar' ? { ...fixedNumbers, number: listenerPorts } : fixedNumbers;
    const manifestOf = (spec: unknown): Manifest => ({
      apiVersion: apiVersions[0] ?? '',
      kind,
      metadata: { name, namespace: 'default' },
      spec,
    });
    let best = kind === 'Gateway' ? smallestGateway(listenerPorts) : smallest[kind];
    for (let tries = 0; best === undefined; tries++) {
      if (tries === maxTries) throw new Error(`no valid ${kind} in ${maxTries} tries`);
      const spec = draw(schema, '', 0.15);
      if (isValid(manifestOf(spec))) best = spec;
    }
    const steps = Math.floor(random() * maxSteps);
    for (let step = 0; step < steps; step++) {
      const next = grown(schema, best, '');
      if (isValid(manifestOf(next))) best = next;
    }
    return manifestOf(best);
  };
  return { resource, pick };
}

function isValid(manifest: Manifest): boolean {
  const { objects, problems } = parseDocuments(JSON.stringify(manifest), { file: 'random' });
  return !hasErrors(problems) && !hasErrors(validateObjects(objects));
}
