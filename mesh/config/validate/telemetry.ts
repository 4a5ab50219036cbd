// Validates a Telemetry (istio.io/latest/docs/reference/config/telemetry).
import { celProblem } from '../../telemetry/envoy-cel.ts';
import type { Metrics, TelemetrySpec, Tracing } from '../schemas/telemetry.ts';
import { checkTargets } from './labels.ts';
import { checkOneOf, forEachAt, type Place, type SpecValidator } from './place.ts';
import { checkPercentage } from './string-match.ts';

/** See the file's first line. */
export const validateTelemetry: SpecValidator<TelemetrySpec> = (spec, place) => {
  checkTargets(spec, place);
  if ((spec.tracing?.length ?? 0) > 1)
    place
      .at('tracing')
      .warn('several tracing entries: later ones add to earlier ones, each for the side that its match names');
  forEachAt(spec.tracing, place.at('tracing'), checkTracing);
  forEachAt(spec.metrics, place.at('metrics'), checkMetrics);
  forEachAt(spec.accessLogging, place.at('accessLogging'), (logging, at) => {
    checkProviders(logging.providers, at.at('providers'));
    checkCel(logging.filter?.expression, at.at('filter', 'expression'));
  });
};

/** Absent and empty texts say nothing. */
function checkCel(expression: string | undefined, place: Place): void {
  const problem = expression ? celProblem(expression) : undefined;
  if (problem !== undefined) place.error(problem);
}

function checkProviders(providers: readonly { readonly name: string }[] | undefined, place: Place): void {
  forEachAt(providers, place, (provider, at) => {
    if (provider.name === '') at.at('name').error("expected a provider's name");
  });
}

function checkTracing(tracing: Tracing, place: Place): void {
  checkProviders(tracing.providers, place.at('providers'));
  if ((tracing.providers?.length ?? 0) > 1)
    place.at('providers').warn('several providers are not supported: the first is used');
  checkPercentage(tracing.randomSamplingPercentage, place.at('randomSamplingPercentage'));
  for (const [name, tag] of Object.entries(tracing.customTags ?? {})) {
    const at = place.at('customTags', name);
    if (name === '') at.error('a tag needs a name');
    checkOneOf(tag, ['literal', 'environment', 'header', 'formatter'], at);
    const text = tag.literal?.value ?? tag.environment?.name ?? tag.header?.name ?? tag.formatter?.value;
    if (text === '') at.error('expected text');
  }
}

function checkMetrics(metrics: Metrics, place: Place): void {
  checkProviders(metrics.providers, place.at('providers'));
  forEachAt(metrics.overrides, place.at('overrides'), (override, at) => {
    checkOneOf(override.match ?? {}, ['metric', 'customMetric'], at.at('match'));
    if (override.match?.customMetric === '') at.at('match', 'customMetric').error('expected a name');
    for (const [name, tag] of Object.entries(override.tagOverrides ?? {})) {
      const { operation = 'UPSERT', value } = tag;
      if (operation === 'UPSERT' && !value) at.at('tagOverrides', name, 'value').error('is required for UPSERT');
      if (operation === 'UPSERT') checkCel(value, at.at('tagOverrides', name, 'value'));
      if (!/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name))
        at.at('tagOverrides', name).warn('a tag is made of letters, digits and _');
      if (operation === 'REMOVE' && value) at.at('tagOverrides', name, 'value').error('REMOVE takes no value');
    }
  });
}
