// Validates a ServiceLevelObjective.
import { latencyBucketsMs, windowMs } from '../../slo/objective.ts';
import { durationMs } from '../quantities.ts';
import type { ServiceLevelObjectiveSpec } from '../schemas/slo.ts';
import { checkOneOf, type SpecValidator } from './place.ts';

/** See the file's first line. */
export const validateServiceLevelObjective: SpecValidator<ServiceLevelObjectiveSpec> = (spec, place) => {
  checkOneOf(spec, ['availability', 'latency'], place, { exactly: true });
  if (!/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/i.test(spec.service)) place.at('service').error("expected a service's host");
  if (!(spec.target > 0 && spec.target < 100))
    place.at('target').error('expected a percentage above 0 and below 100, such as 99.9');
  if (spec.window !== undefined && windowMs(spec.window) === undefined)
    place.at('window').error('expected whole hours, days or weeks, such as 30d');
  const thresholdMs = spec.latency && durationMs(spec.latency.threshold);
  if (thresholdMs !== undefined && !latencyBucketsMs.includes(thresholdMs))
    place
      .at('latency', 'threshold')
      .error(`Envoy counts requests within ${latencyBucketsMs.join(', ')} ms: choose one of these`);
};
