// WasmPlugin (istio.io/latest/docs/reference/config/proxy_extensions/wasm-plugin): schema and types.
import { matchLabelsSelectorSchema, targetRefSchema } from './destination.ts';
import { int32, list, object, oneOfNames, required, type Static, struct, text, uint32 } from './schema.ts';

/** Schema of a WasmPlugin's spec. */
export const wasmPluginSchema = object({
  selector: matchLabelsSelectorSchema,
  targetRef: targetRefSchema,
  targetRefs: list(targetRefSchema),
  url: required(text),
  sha256: text,
  imagePullPolicy: oneOfNames('UNSPECIFIED_POLICY', 'IfNotPresent', 'Always'),
  imagePullSecret: text,
  verificationKey: text,
  pluginConfig: struct,
  pluginName: text,
  phase: oneOfNames('UNSPECIFIED_PHASE', 'AUTHN', 'AUTHZ', 'STATS'),
  priority: int32,
  failStrategy: oneOfNames('FAIL_CLOSE', 'FAIL_OPEN', 'FAIL_RELOAD'),
  vmConfig: object({
    env: list(object({ name: required(text), value: text, valueFrom: oneOfNames('INLINE', 'HOST') })),
  }),
  match: list(
    object({
      mode: oneOfNames('UNDEFINED', 'CLIENT', 'SERVER', 'CLIENT_AND_SERVER'),
      ports: list(object({ number: required(uint32) })),
    }),
  ),
  type: oneOfNames('UNSPECIFIED_PLUGIN_TYPE', 'HTTP', 'NETWORK'),
});

/** WebAssembly that proxies run; kept, and not carried out. */
export interface WasmPluginSpec extends Static<typeof wasmPluginSchema> {}
