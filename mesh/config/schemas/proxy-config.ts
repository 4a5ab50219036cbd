// ProxyConfig (istio.io/latest/docs/reference/config/networking/proxy-config): schema and types.
import { matchLabelsSelectorSchema } from './destination.ts';
import { int32, map, object, type Static, text } from './schema.ts';

/** Schema of a ProxyConfig's spec. */
export const proxyConfigSchema = object({
  selector: matchLabelsSelectorSchema,
  concurrency: int32,
  environmentVariables: map(text),
  image: object({ imageType: text }),
});

/** Start-time settings of proxies; `concurrency` 0 means one thread a core. */
export interface ProxyConfigSpec extends Static<typeof proxyConfigSchema> {}
