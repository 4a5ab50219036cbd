// The OPA handler: a Rego policy decides, compiled to WebAssembly in this process or on an OPA server (openpolicyagent.org/docs/integration).
import { readFile, stat } from 'node:fs/promises';
import { type LoadedPolicy, loadPolicy } from '@open-policy-agent/opa-wasm';
import { MeshError, messageOf } from '../../../lib/mesh-error.ts';
import type { OpaParams } from '../../../mesh/config/schemas/mixer-adapters.ts';
import { type CheckResult, type Handler, type HandlerKind, type Instance, rpcCodes } from './handler.ts';
import { withoutSecrets } from './list-source.ts';
import { policyUpload } from './opa-policies.ts';

/** The old adapter's name for the rule that decides. */
const defaultMethod = 'data.mixerauthz.allow';
/** A compiled policy is 130 KB and more; this bounds what a wrong path reads. */
const maxWasmBytes = 16 * 1024 * 1024;
/** In pages of 64 KiB: 5 is the library's default, 1,024 are 64 MiB, after which evaluating fails instead of filling the machine. */
const memory = { initial: 5, maximum: 1_024 };
/** An answer is a word or a small object. */
const maxAnswerBytes = 64 * 1024;
/** Policies may look at data that changes and at the time: an equal question is asked again after a second. */
const validity = { validForMs: 1_000, validUses: 1_000 } as const;

/** See the file's first line. */
export const opa: HandlerKind<OpaParams> = {
  name: 'opa',
  templates: ['authorization'],
  create: (params, means) => {
    const { name } = means;
    const policies = policyUpload(params, means);
    const ask = askerOf(params, name);
    return {
      check: async (instance, signal) => {
        await policies?.given(signal);
        return resultOf(await ask(inputOf(instance), signal), name);
      },
      ...(policies && { run: (signal: AbortSignal) => policies.run(signal) }),
    } satisfies Handler;
  },
};

/** Asks the policy; resolves with the value of its rule, undefined where it has none. */
type Ask = (input: object, signal: AbortSignal) => Promise<unknown>;

function askerOf(params: OpaParams, name: string): Ask {
  const { wasm, url, checkMethod } = params;
  const path = (checkMethod || defaultMethod).replace(/^data\./, '').replaceAll('.', '/');
  if (wasm) return askWasm(wasm, path);
  if (url) return askServer(`${url.replace(/\/$/, '')}/v1/data/${path}`, params.headers ?? {});
  throw new MeshError('invalid', `handler ${name}: name a compiled policy (wasm) or an OPA server (url)`);
}

/** Loaded at the first question; anew after a failure, which leaves its memory in disorder. */
function askWasm(path: string, entrypoint: string): Ask {
  let loading: Promise<LoadedPolicy> | undefined;
  return async (input) => {
    loading ??= load(path);
    try {
      const results = (await loading).evaluate(input, entrypoint) as readonly { readonly result?: unknown }[];
      return results[0]?.result;
    } catch (error) {
      loading = undefined;
      throw new MeshError('unavailable', `the policy ${path}: ${messageOf(error)}`, { cause: error });
    }
  };
}

async function load(path: string): Promise<LoadedPolicy> {
  const { size } = await stat(path);
  if (size > maxWasmBytes) throw new Error(`it is longer than ${maxWasmBytes} bytes`);
  return await loadPolicy(new Uint8Array(await readFile(path)), memory);
}

/** OPA's REST API: openpolicyagent.org/docs/rest-api, "Get a Document (with Input)". */
function askServer(url: string, headers: Readonly<Record<string, string>>): Ask {
  const shown = withoutSecrets(url);
  return async (input, signal) => {
    const response = await fetch(url, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify({ input }),
      signal,
      // Headers may hold a key: it goes to the server that was named, and nowhere else.
      redirect: 'error',
    });
    const text = await response.text();
    if (!response.ok) throw new MeshError('unavailable', `OPA at ${shown} answered ${response.status}`);
    if (text.length > maxAnswerBytes) throw new MeshError('unavailable', `OPA at ${shown} answers too much`);
    return (JSON.parse(text) as { readonly result?: unknown }).result;
  };
}

/** As the old adapter's input: `action` and `subject`, each with its `properties`. */
function inputOf({ fields: { action = {}, subject = {} } }: Instance): object {
  return { action, subject };
}

/** `true` lets a request pass; a rule without a value does not. */
function resultOf(value: unknown, name: string): CheckResult {
  if (value === true) return { status: { code: rpcCodes.ok, message: '' }, ...validity };
  if (value === false || value === undefined)
    return { status: { code: rpcCodes.permissionDenied, message: `${name}: rejected by the policy` }, ...validity };
  throw new MeshError('invalid', `handler ${name}: the policy's value is neither true nor false`);
}
