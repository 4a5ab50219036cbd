// Whether what an adapter module says makes sense: shapes, bounds and names of events/model.ts, checked before anything is believed.
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { MeshError } from '../../lib/mesh-error.ts';
import type { Observed } from '../adapter.ts';
import { subjectOf } from '../fact.ts';

/** Of one word: 20,000 endpoints with their services are a large platform; ten times that is a runaway loop. */
export const maxThings = 200_000;

const strict = { additionalProperties: false } as const;
/** Names and ids become parts of subjects, which are at most 1,024 characters. */
const name = Type.String({ minLength: 1, maxLength: 253, pattern: '^[^\\u0000-\\u001f\\u007f]+$' });
const dnsName = Type.String({
  maxLength: 253,
  pattern: '^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$',
});
const text = Type.String({ maxLength: 4_096 });
const labels = Type.Record(Type.String({ maxLength: 317 }), text, { maxProperties: 500 });
const port = Type.Integer({ minimum: 1, maximum: 65_535 });
const ports = Type.Record(Type.String({ minLength: 1, maxLength: 253 }), port, { maxProperties: 500 });
const health = Type.Enum(['healthy', 'unhealthy', 'draining']);
const time = Type.String({ pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?(Z|[+-]\\d\\d:\\d\\d)$' });
const protocols = ['HTTP', 'HTTP2', 'GRPC', 'GRPC-Web', 'HTTPS', 'TLS', 'TCP', 'Mongo', 'MySQL', 'Redis', 'UDP'];

const common = { namespace: name, platform: name, clusterId: Type.Optional(name) };
const place = {
  locality: Type.Optional(Type.String({ maxLength: 500 })),
  network: Type.Optional(name),
  serviceAccount: Type.Optional(name),
};

const service = Type.Object(
  {
    ...common,
    hostname: dnsName,
    name,
    addresses: Type.Array(text, { maxItems: 1_000 }),
    ports: Type.Array(
      Type.Object(
        {
          name,
          port,
          protocol: Type.Enum([...protocols, 'Unsupported']),
          targetPort: Type.Optional(Type.Union([port, name])),
        },
        strict,
      ),
      { maxItems: 500 },
    ),
    labels,
    annotations: Type.Optional(labels),
    selector: Type.Optional(labels),
    headless: Type.Optional(Type.Boolean()),
    externalName: Type.Optional(dnsName),
    exportTo: Type.Optional(Type.Array(name, { maxItems: 1_000 })),
    resolution: Type.Enum(['STATIC', 'DNS', 'DNS_ROUND_ROBIN', 'DYNAMIC_DNS', 'NONE']),
    location: Type.Enum(['MESH_INTERNAL', 'MESH_EXTERNAL']),
    subjectAltNames: Type.Optional(Type.Array(text, { maxItems: 1_000 })),
    createdAt: Type.Optional(time),
  },
  strict,
);
const endpoint = Type.Object(
  {
    ...common,
    ...place,
    id: name,
    hostname: dnsName,
    address: Type.String({ minLength: 1, maxLength: 1_000, pattern: '^\\S+$' }),
    ports,
    labels,
    health,
    weight: Type.Optional(Type.Integer({ minimum: 1, maximum: 128 * 1_024 })),
    workload: Type.Optional(name),
  },
  strict,
);
const workload = Type.Object(
  {
    ...common,
    ...place,
    name,
    addresses: Type.Array(text, { maxItems: 1_000 }),
    ports,
    labels,
    health,
    createdAt: Type.Optional(time),
  },
  strict,
);

const checks = { service: Compile(service), endpoint: Compile(endpoint), workload: Compile(workload) } as const;

/**
 * Throws MeshError `invalid` naming the thing and its field when `items`, which a module says that `scope` has, are no list of services,
 * endpoints and workloads of `platform`. Configuration is refused: it comes from people, through folders, clusters and the admin API.
 */
export function checkObserved(scope: unknown, items: unknown, platform: string): readonly Observed[] {
  if (typeof scope !== 'string' || scope.length > 500)
    throw new MeshError('invalid', 'a scope is no text of at most 500');
  const refuse = (what: string): never => {
    throw new MeshError(
      'invalid',
      `the adapter said something of scope ${JSON.stringify(scope)} that makes no sense: ${what}`,
    );
  };
  if (!Array.isArray(items)) return refuse('its content is no list');
  if (items.length > maxThings) return refuse(`it has ${items.length} things, more than ${maxThings}`);
  for (const [index, item] of items.entries()) {
    const { kind, value } = (item ?? {}) as { readonly kind?: unknown; readonly value?: unknown };
    if (kind !== 'service' && kind !== 'endpoint' && kind !== 'workload')
      return refuse(
        `item ${index} has the kind ${JSON.stringify(kind)?.slice(0, 50)}; it may be service, endpoint or workload`,
      );
    const check = checks[kind];
    if (!check.Check(value)) {
      // The keyword of the parent comes with the field's own: the longest path says most.
      const [worst] = [...check.Errors(value)].sort((a, b) => b.instancePath.length - a.instancePath.length);
      return refuse(
        `${kind} ${nameOf(value, index)}: ${worst?.instancePath.slice(0, 200) || 'it'} ${worst?.message ?? ''}`,
      );
    }
    const said = (value as { readonly platform: string }).platform;
    if (said !== platform) return refuse(`${kind} ${nameOf(value, index)} is of platform "${said}", not "${platform}"`);
    if (subjectOf(item as Observed).length > 1_024)
      return refuse(`${kind} ${nameOf(value, index)} has names that are too long`);
  }
  return items as readonly Observed[];
}

function nameOf(value: unknown, index: number): string {
  const { id, hostname, name: own } = (value ?? {}) as Readonly<Record<string, unknown>>;
  const found = [hostname, id, own].filter((part) => typeof part === 'string').slice(0, 2);
  return found.length > 0 ? JSON.stringify(found.join('/').slice(0, 200)) : String(index);
}
