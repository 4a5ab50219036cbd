// One patch of an EnvoyFilter, read: its value is the Envoy message that it is merged into or that it adds.
import type { MessageShape } from '@bufbuild/protobuf';
import type { ConfigResource } from '../../../../events/model.ts';
import { messageOf } from '../../../../lib/mesh-error.ts';
import { type PatchOperation, patchEffect } from '../../../../mesh/config/envoy-filter-operations.ts';
import type {
  EnvoyConfigObjectMatch,
  EnvoyConfigObjectPatch,
  EnvoyFilterSpec,
} from '../../../../mesh/config/schemas/envoy-filter.ts';
import { patchSchemas as allSchemas, readPatchValue } from '../../../../mesh/envoy/patch-value.ts';

const { BOOTSTRAP: _, ...served } = allSchemas;
/** Messages that patches apply to. BOOTSTRAP is none of them: a bootstrap is read once, by a starting proxy, and not served (nor by istiod). */
export const patchSchemas = served;

/** What is patched. */
export type ApplyTo = keyof typeof patchSchemas;
/** Which proxies' and which side's resources a patch is for. */
export type PatchContext = 'SIDECAR_INBOUND' | 'SIDECAR_OUTBOUND' | 'GATEWAY';
/** What is done. */
export type Operation = PatchOperation;

/** See the file's first line. */
export interface Patch<A extends ApplyTo = ApplyTo> {
  readonly applyTo: A;
  readonly operation: Operation;
  readonly match: EnvoyConfigObjectMatch;
  /** Never changed: applying it clones it. A message without fields where REMOVE needs none. */
  readonly value: MessageShape<(typeof patchSchemas)[A]>;
  /** `EnvoyFilter/default/x: configPatches[0]`, for warnings. */
  readonly origin: string;
}

/** A patch that is to be applied to proxies whose metadata match. */
export interface ReadPatch {
  /** Undefined: it can't be applied, `problem` says why. */
  readonly patch: Patch | undefined;
  readonly proxy: EnvoyConfigObjectMatch['proxy'];
  /** For people: why the patch is left out, or which of its fields are. */
  readonly problem: string | undefined;
}

/** The patches of a resource, in its order. */
export function readPatches(filter: ConfigResource<EnvoyFilterSpec>): readonly ReadPatch[] {
  return (filter.spec.configPatches ?? []).map((configPatch, index) => {
    const origin = `EnvoyFilter/${filter.namespace}/${filter.name}: configPatches[${index}]`;
    const proxy = configPatch.match?.proxy;
    try {
      return { proxy, ...readPatch(configPatch, origin) };
    } catch (error) {
      return { proxy, patch: undefined, problem: `${origin} left out: ${messageOf(error)}` };
    }
  });
}

function readPatch(
  { applyTo = 'INVALID', match = {}, patch = {} }: EnvoyConfigObjectPatch,
  origin: string,
): Pick<ReadPatch, 'patch' | 'problem'> {
  const leftOut = (why: string) => ({ patch: undefined, problem: `${origin} left out: ${why}` });
  if (applyTo === 'BOOTSTRAP')
    return leftOut('applyTo BOOTSTRAP is not served: a proxy reads its bootstrap as it starts');
  if (!isApplyTo(applyTo)) return leftOut(`applyTo ${applyTo} is unknown`);
  const { operation: asked = 'INVALID', value } = patch;
  if (asked === 'INVALID') return leftOut('it has no operation');
  if (value === undefined && asked !== 'REMOVE') return leftOut(`${asked} needs a value`);
  const operation = patchEffect(applyTo, asked) === 'as ADD' ? 'ADD' : asked;
  const { message, problem } = readPatchValue(patchSchemas[applyTo], value ?? {});
  return {
    patch: { applyTo, operation, match, value: message, origin } as Patch,
    problem: problem && `${origin}: ${problem}`,
  };
}

function isApplyTo(applyTo: string): applyTo is ApplyTo {
  return Object.hasOwn(patchSchemas, applyTo);
}
