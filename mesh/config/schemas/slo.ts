// ServiceLevelObjective (slo.periplus.io/v1): schema and types.
import { double, duration, object, required, type Static, text } from './schema.ts';

/** Schema of a ServiceLevelObjective's spec. */
export const serviceLevelObjectiveSchema = object({
  service: required(text),
  target: required(double),
  window: text,
  availability: object({}),
  latency: object({ threshold: required(duration) }),
});

/** What a service promises: `target` percent of its requests, over `window`, succeed or are answered in time. */
export interface ServiceLevelObjectiveSpec extends Static<typeof serviceLevelObjectiveSchema> {}
