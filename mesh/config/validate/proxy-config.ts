// Validates a ProxyConfig (istio.io/latest/docs/reference/config/networking/proxy-config).
import type { ProxyConfigSpec } from '../schemas/proxy-config.ts';
import { checkMatchLabels } from './labels.ts';
import type { SpecValidator } from './place.ts';

/** See the file's first line. */
export const validateProxyConfig: SpecValidator<ProxyConfigSpec> = (spec, place) => {
  checkMatchLabels(spec.selector, place.at('selector'));
  if ((spec.concurrency ?? 0) < 0) place.at('concurrency').error(`can't be negative, found ${spec.concurrency}`);
};
