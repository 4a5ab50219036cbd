// WorkloadEntry (istio.io/latest/docs/reference/config/networking/workload-entry): schema and types.
import { map, object, type Static, text, uint32 } from './schema.ts';

/** Schema of a WorkloadEntry's spec; ServiceEntry endpoints and WorkloadGroup templates have it too. */
export const workloadEntrySchema = object({
  address: text,
  ports: map(uint32),
  labels: map(text),
  network: text,
  locality: text,
  weight: uint32,
  serviceAccount: text,
});

/** A workload outside the platforms' registries, such as a VM. */
export interface WorkloadEntrySpec extends Static<typeof workloadEntrySchema> {}
