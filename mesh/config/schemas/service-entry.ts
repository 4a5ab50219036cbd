// ServiceEntry (istio.io/latest/docs/reference/config/networking/service-entry): schema and types.
import { workloadSelectorSchema } from './destination.ts';
import { list, object, oneOfNames, required, type Static, text, uint32 } from './schema.ts';
import { workloadEntrySchema } from './workload-entry.ts';

const servicePort = object({ number: required(uint32), protocol: text, name: required(text), targetPort: uint32 });
/** Schema of a ServiceEntry's spec. */
export const serviceEntrySchema = object({
  hosts: required(list(text)),
  addresses: list(text),
  ports: list(servicePort),
  location: oneOfNames('MESH_EXTERNAL', 'MESH_INTERNAL'),
  resolution: oneOfNames('NONE', 'STATIC', 'DNS', 'DNS_ROUND_ROBIN', 'DYNAMIC_DNS'),
  endpoints: list(workloadEntrySchema),
  workloadSelector: workloadSelectorSchema,
  exportTo: list(text),
  subjectAltNames: list(text),
});

/** Services that no platform's registry knows. */
export interface ServiceEntrySpec extends Static<typeof serviceEntrySchema> {}
/** A port of them; `targetPort` is the endpoints' port when it differs. */
export interface ServiceEntryPort extends Static<typeof servicePort> {}
/** Istio's name of ServiceEntryPort. */
export type ServicePort = ServiceEntryPort;
/** One endpoint of a ServiceEntry. */
export type { WorkloadEntrySpec } from './workload-entry.ts';
