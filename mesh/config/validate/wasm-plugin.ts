// Validates a WasmPlugin (istio.io/latest/docs/reference/config/proxy_extensions/wasm-plugin).
import type { WasmPluginSpec } from '../schemas/wasm-plugin.ts';
import { checkTargets } from './labels.ts';
import { forEachAt, type Place, type SpecValidator } from './place.ts';
import { checkPort, checkUnique } from './ports.ts';

/** Istio's bounds, in characters. */
const maxLengths = { pluginName: 256, imagePullSecret: 253 } as const;
const maxNameLength = 256;

/** See the file's first line. It is taken, and its user is told that no proxy runs it. */
export const validateWasmPlugin: SpecValidator<WasmPluginSpec> = (spec, place) => {
  place.warn(
    'is kept, but no proxy runs it: an EnvoyFilter can add envoy.filters.http.wasm, and an authorizer can be asked by an AuthorizationPolicy of action CUSTOM',
  );
  checkTargets(spec, place);
  checkUrl(spec.url, place.at('url'));
  if (spec.sha256 && !/^[a-f0-9]{64}$/.test(spec.sha256))
    place.at('sha256').error('expected 64 hexadecimal digits, in lower case');
  for (const [name, most] of Object.entries(maxLengths))
    if ((spec[name as keyof typeof maxLengths]?.length ?? 0) > most)
      place.at(name).error(`has at most ${most} characters`);
  checkEnvironment(spec, place.at('vmConfig', 'env'));
  forEachAt(spec.match, place.at('match'), ({ ports }, at) =>
    forEachAt(ports, at.at('ports'), ({ number }, one) => checkPort(number, one.at('number'))),
  );
};

/** Without a scheme it is an image of a registry. */
function checkUrl(url: string, place: Place): void {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(url)?.[1]?.toLowerCase();
  if (url === '') place.error('is required: oci://, https://, http:// or file://');
  else if (scheme !== undefined && !['oci', 'http', 'https', 'file'].includes(scheme))
    place.error(`expected oci://, https://, http:// or file://, found ${JSON.stringify(url)}`);
  else if (URL.parse(scheme === undefined ? `http://${url}` : url) === null)
    place.error(`is no URL: ${JSON.stringify(url)}`);
}

function checkEnvironment({ vmConfig }: WasmPluginSpec, place: Place): void {
  const { env = [] } = vmConfig ?? {};
  forEachAt(env, place, ({ name, value, valueFrom = 'INLINE' }, at) => {
    if (name === '' || name.length > maxNameLength)
      at.at('name').error(`expected a name of at most ${maxNameLength} characters`);
    if (valueFrom !== 'INLINE' && value) at.at('value').error('goes with valueFrom INLINE only');
  });
  checkUnique(
    env.map(({ name }) => name),
    (index) => place.at(index, 'name'),
    { what: 'variable' },
  );
}
