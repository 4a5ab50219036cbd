// WorkloadGroup (istio.io/latest/docs/reference/config/networking/workload-group): schema and types.
import { int32, list, map, object, required, type Static, text, uint32 } from './schema.ts';
import { workloadEntrySchema } from './workload-entry.ts';

/** Schema of a probe. */
export const readinessProbeSchema = object({
  initialDelaySeconds: int32,
  timeoutSeconds: int32,
  periodSeconds: int32,
  successThreshold: int32,
  failureThreshold: int32,
  httpGet: object({
    path: text,
    port: required(uint32),
    host: text,
    scheme: text,
    httpHeaders: list(object({ name: text, value: text })),
  }),
  tcpSocket: object({ host: text, port: required(uint32) }),
  exec: object({ command: required(list(text)) }),
  grpc: object({ port: uint32, service: text }),
});
/** Schema of a WorkloadGroup's spec. */
export const workloadGroupSchema = object({
  metadata: object({ labels: map(text), annotations: map(text) }),
  template: required(workloadEntrySchema),
  probe: readinessProbeSchema,
});

/** What WorkloadEntries made when a workload's proxy connects are made of. */
export interface WorkloadGroupSpec extends Static<typeof workloadGroupSchema> {}
/** How the agent finds out whether the workload is ready. */
export interface ReadinessProbe extends Static<typeof readinessProbeSchema> {}
