// Auto-registration decided: which WorkloadEntry a connected proxy stands for, and when it must be written or removed. Pure.
import { isIP } from 'node:net';
import type { ConfigResource } from '../../../events/model.ts';
import type { WorkloadEntrySpec } from '../../../mesh/config/schemas/workload-entry.ts';
import type { WorkloadGroupSpec } from '../../../mesh/config/schemas/workload-group.ts';
import { healthCheckAnnotation } from '../../../mesh/service-entry.ts';
import type { ProxyContext } from '../translate/proxy-context.ts';

/** A WorkloadEntry resource. */
export type WorkloadEntry = ConfigResource<WorkloadEntrySpec>;

/** Names the WorkloadGroup that an entry was made of (Istio's annotation). */
export const groupAnnotation = 'istio.io/autoRegistrationGroup';
/** Names the Pilot that the workload's proxy is connected to: it alone removes the entry (Istio's annotation). */
export const controllerAnnotation = 'istio.io/workloadController';
/** When the proxy connected to it, RFC 3339 (Istio's annotation). */
export const connectedAtAnnotation = 'istio.io/connectedAt';

/** Kubernetes' longest name. */
const maxNameLength = 253;
/** Label that carries a locality; the entry has a field for it. */
const localityLabel = 'istio-locality';

/** A connected proxy that asked to be registered. */
export interface Registrant {
  readonly proxyId: string;
  readonly namespace: string;
  /** Name of its WorkloadGroup (node metadata AUTO_REGISTER_GROUP). */
  readonly group: string;
  /** Name of its WorkloadEntry: `GROUP-IP`, or `GROUP-IP-NETWORK`. */
  readonly entry: string;
  readonly address: string;
  readonly context: ProxyContext;
}

/** Undefined for a proxy that did not ask, or has no address. */
export function registrantOf(proxyId: string, context: ProxyContext): Registrant | undefined {
  const group = context.metadata?.AUTO_REGISTER_GROUP;
  const own = proxyId.split('~')[1] ?? '';
  const address = isIP(own) === 0 ? context.addresses[0] : own;
  if (!group || address === undefined || context.type !== 'sidecar') return undefined;
  const parts = [group, address.replaceAll(':', '-'), ...(context.network ? [context.network] : [])];
  const entry = parts.join('-').slice(-maxNameLength);
  return { proxyId, namespace: context.namespace, group, entry, address, context };
}

/**
 * The entry to write: undefined where `current` is already right. Labels are the template's, then the group's, then the
 * proxy's own; an entry that is there keeps its content, as people may have changed it, and gets this Pilot as its controller.
 */
export function entryToWrite(
  registrant: Registrant,
  group: ConfigResource<WorkloadGroupSpec>,
  current: WorkloadEntry | undefined,
  at: { readonly controller: string; readonly time: string },
): WorkloadEntry | undefined {
  const connection = { [controllerAnnotation]: at.controller, [connectedAtAnnotation]: at.time };
  if (current === undefined) return newEntry(registrant, group, connection);
  // An entry that people wrote by that name is theirs.
  if (!isRegistered(current) || isControlledBy(current, at.controller)) return undefined;
  return { ...current, annotations: { ...current.annotations, ...connection } };
}

/** Whether an entry was written by auto-registration. */
export function isRegistered({ annotations }: ConfigResource): boolean {
  return annotations?.[groupAnnotation] !== undefined;
}

/** Whether the entry is `controller`'s to remove. */
export function isControlledBy(entry: ConfigResource, controller: string): boolean {
  return isRegistered(entry) && entry.annotations?.[controllerAnnotation] === controller;
}

function newEntry(
  { namespace, entry, address, context }: Registrant,
  group: ConfigResource<WorkloadGroupSpec>,
  connection: Readonly<Record<string, string>>,
): WorkloadEntry {
  const { template, metadata, probe } = group.spec;
  const { [localityLabel]: _, ...own } = context.labels;
  const labels = { ...template.labels, ...metadata?.labels, ...own };
  return {
    apiVersion: group.apiVersion,
    kind: 'WorkloadEntry',
    namespace,
    name: entry,
    labels,
    annotations: {
      [groupAnnotation]: group.name,
      ...metadata?.annotations,
      ...(probe === undefined ? {} : { [healthCheckAnnotation]: 'true' }),
      ...connection,
    },
    spec: {
      ...template,
      address,
      labels,
      ...(context.network ? { network: context.network } : {}),
      ...(context.locality ? { locality: context.locality } : {}),
    },
  };
}
