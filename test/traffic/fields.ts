// Field paths of the traffic kinds: all that the schemas know, and those that a set of resources uses.
import { destinationRuleSchema } from '../../mesh/config/schemas/destination-rule.ts';
import { envoyFilterSchema } from '../../mesh/config/schemas/envoy-filter.ts';
import { gatewaySchema } from '../../mesh/config/schemas/gateway.ts';
import { adapterMeshFields, meshConfigSchema, unusedMeshFields } from '../../mesh/config/schemas/mesh-config.ts';
import { proxyConfigSchema } from '../../mesh/config/schemas/proxy-config.ts';
import type { Schema } from '../../mesh/config/schemas/schema.ts';
import { serviceEntrySchema } from '../../mesh/config/schemas/service-entry.ts';
import { sidecarSchema } from '../../mesh/config/schemas/sidecar.ts';
import { virtualServiceSchema } from '../../mesh/config/schemas/virtual-service.ts';
import { workloadEntrySchema } from '../../mesh/config/schemas/workload-entry.ts';
import { workloadGroupSchema } from '../../mesh/config/schemas/workload-group.ts';
import type { Manifest } from './resources.ts';

/** Schemas of the kinds that the reference lists, in its order. */
export const trafficKinds: Readonly<Record<string, Schema>> = {
  VirtualService: virtualServiceSchema,
  DestinationRule: destinationRuleSchema,
  Gateway: gatewaySchema,
  ServiceEntry: serviceEntrySchema,
  WorkloadEntry: workloadEntrySchema,
  WorkloadGroup: workloadGroupSchema,
  Sidecar: sidecarSchema,
  EnvoyFilter: envoyFilterSchema,
  ProxyConfig: proxyConfigSchema,
  MeshConfig: meshConfigSchema,
};

/** Every path below a kind: lists add nothing to a path, maps of objects a `*`. Objects are paths of their own as well as their fields. */
export function fieldPaths(kind: string): readonly string[] {
  const schema = trafficKinds[kind];
  if (schema === undefined) throw new Error(`no traffic kind ${kind}`);
  const unused = new Set<string>(kind === 'MeshConfig' ? [...unusedMeshFields, ...adapterMeshFields] : []);
  return below(kind, schema).filter((path) => !unused.has(path.split('.')[1] ?? ''));
}

/** Whether a path has no fields below it: these are what has to be proved. */
export function isLeaf(path: string, paths: readonly string[]): boolean {
  return !paths.some((other) => other.startsWith(`${path}.`));
}

function below(path: string, schema: Schema): string[] {
  switch (schema.form) {
    case 'list':
      return below(path, schema.item);
    case 'map':
      return isPlain(schema.value) ? [] : below(`${path}.*`, schema.value);
    case 'object':
      return Object.entries(schema.fields).flatMap(([name, field]) => [
        `${path}.${name}`,
        ...below(`${path}.${name}`, field),
      ]);
    default:
      return [];
  }
}

function isPlain(schema: Schema): boolean {
  return schema.form !== 'object' && schema.form !== 'list' && schema.form !== 'map';
}

/** The paths that resources set. */
export function pathsIn(manifests: readonly Manifest[]): ReadonlySet<string> {
  const paths = new Set<string>();
  for (const { kind, spec, data } of manifests) {
    const isMesh = kind === 'ConfigMap';
    const name = isMesh ? 'MeshConfig' : kind;
    const schema = trafficKinds[name];
    if (schema) collect(name, schema, isMesh ? JSON.parse(data?.mesh ?? '{}') : spec, paths);
  }
  return paths;
}

function collect(path: string, schema: Schema, value: unknown, paths: Set<string>): void {
  if (value === undefined || value === null) return;
  if (schema.form === 'list') {
    for (const item of value as readonly unknown[]) collect(path, schema.item, item, paths);
  } else if (schema.form === 'map') {
    if (isPlain(schema.value)) return;
    for (const item of Object.values(value)) collect(`${path}.*`, schema.value, item, paths);
  } else if (schema.form === 'object') {
    for (const [name, field] of Object.entries(schema.fields)) {
      const inner: unknown = Reflect.get(value, name);
      if (inner === undefined) continue;
      paths.add(`${path}.${name}`);
      collect(`${path}.${name}`, field, inner, paths);
    }
  }
}
