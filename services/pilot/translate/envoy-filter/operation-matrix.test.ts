// Every operation of an EnvoyFilter on every kind of object, in a real translation, and for every object that it names none of.
import { describe, expect, it } from 'vitest';
import {
  type PatchOperation,
  type PatchTarget,
  patchEffect,
  patchOperations,
  patchTargets,
} from '../../../../mesh/config/envoy-filter-operations.ts';
import type { EnvoyConfigObjectPatch } from '../../../../mesh/config/schemas/envoy-filter.ts';
import { validateResource } from '../../../../mesh/config/validate.ts';
import { endpointAt, httpService, resourceOf, snapshotOf } from '../../../../mesh/snapshot-fixture.ts';
import { sidecarContext } from '../context-fixture.ts';
import { setToJson, translationToJson } from '../json.ts';
import { createMemo } from '../memo.ts';
import { translate } from '../translate.ts';
import { typeUrls } from '../translation.ts';
import { type MatrixRow, matrixTestName, operationMatrix } from './operation-matrix-fixture.ts';

const a = httpService('a');
const to = (name: string, prefix: string) => ({
  name,
  match: [{ uri: { prefix } }],
  route: [{ destination: { host: 'a' } }],
});
const routes = resourceOf('VirtualService', 'a', {
  hosts: ['a'],
  http: [to('first', '/first'), to('second', '/second'), to('third', '/third')],
});

/** The resources of a sidecar of `a` with the row's base and these patches. */
function patchedBy(row: MatrixRow, configPatches: readonly EnvoyConfigObjectPatch[]) {
  const config = [
    routes,
    resourceOf('EnvoyFilter', 'base', { priority: -1, configPatches: row.base ?? [] }),
    resourceOf('EnvoyFilter', 'x', { configPatches }),
  ];
  const services = [a, httpService('b')];
  const snapshot = snapshotOf({ services, endpoints: [endpointAt(a, '10.0.0.1')], config });
  const translation = translate(snapshot, sidecarContext(), createMemo());
  const extensions = setToJson(translation.resources(typeUrls.extension));
  return { ...translationToJson(translation).resources, extensions };
}

function patchOf(target: PatchTarget, operation: PatchOperation, row: MatrixRow): EnvoyConfigObjectPatch {
  const value = operation.startsWith('MERGE') ? row.merged : row.added;
  const patch = operation === 'REMOVE' ? { operation } : { operation, value: value as Record<string, unknown> };
  return { applyTo: target, match: row.match, patch } as EnvoyConfigObjectPatch;
}

/** What is at a path; `*` goes into every element of a list. */
function at(value: unknown, [step, ...rest]: readonly (string | number)[]): unknown {
  if (step === undefined || typeof value !== 'object' || value === null) return step === undefined ? value : undefined;
  if (step === '*') return Array.isArray(value) ? value.map((item) => at(item, rest)) : [];
  return at((value as Readonly<Record<string, unknown>>)[step], rest);
}

function textOf(value: unknown): string {
  if (Array.isArray(value)) return value.map(textOf).join();
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

function shown(row: MatrixRow, resources: object): readonly string[] {
  const list = at(resources, row.list);
  if (!Array.isArray(list)) throw new Error(`no list at ${row.list.join('.')}`);
  return list.map((item) =>
    row.show
      .map((path) => textOf(at(item, path)))
      .join(' ')
      .trimEnd(),
  );
}

for (const target of Object.keys(patchTargets) as PatchTarget[]) {
  const row = operationMatrix[target];
  describe(target, () => {
    const before = patchedBy(row, []);
    it('before', () => expect(shown(row, before)).toEqual(row.before));
    for (const operation of patchOperations) {
      const patch = patchOf(target, operation, row);
      it(matrixTestName(target, operation), () => {
        const after = patchedBy(row, [patch]);
        const effect = patchEffect(target, operation);
        const expected = effect === 'as ADD' ? row.after.ADD : row.after[operation];
        expect(expected === undefined).toBe(effect === 'no effect');
        if (expected === undefined) expect(after).toEqual(before);
        else expect(shown(row, after)).toEqual(expected);
        const problems = validateResource(resourceOf('EnvoyFilter', 'x', { configPatches: [patch] }));
        const said = problems.filter(({ message }) => message.includes('no effect'));
        expect(problems.every(({ severity }) => severity === 'warning')).toBe(true);
        expect(said.length).toBe(effect === 'no effect' ? 1 : 0);
      });
    }
  });
}

describe('an object that is named but is not there', () => {
  const nowhere: Partial<Record<PatchTarget, EnvoyConfigObjectPatch['match']>> = {
    LISTENER: { listener: { name: 'none' } },
    FILTER_CHAIN: { listener: { filterChain: { name: 'none' } } },
    NETWORK_FILTER: { listener: { filterChain: { filter: { name: 'none' } } } },
    HTTP_FILTER: { listener: { filterChain: { filter: { name: 'none', subFilter: { name: 'none' } } } } },
    LISTENER_FILTER: { listener: { listenerFilter: 'none' } },
    ROUTE_CONFIGURATION: { routeConfiguration: { name: 'none' } },
    VIRTUAL_HOST: { routeConfiguration: { vhost: { name: 'none' } } },
    HTTP_ROUTE: { routeConfiguration: { vhost: { route: { name: 'none' } } } },
    CLUSTER: { cluster: { name: 'none' } },
  };
  for (const [name, match] of Object.entries(nowhere)) {
    const target = name as PatchTarget;
    const row = operationMatrix[target];
    // What is added needs no neighbour: a listener, virtual host or cluster, and filters at a list's ends.
    const relative = ['MERGE', 'MERGE_AND_REPLACE_LIST', 'REMOVE', 'REPLACE', 'INSERT_BEFORE', 'INSERT_AFTER'] as const;
    const ends = patchTargets[target].includes('INSERT_BEFORE') ? relative : relative.slice(0, 4);
    it(`${target}: ${ends.join(', ')} change nothing`, () => {
      const before = patchedBy(row, []);
      for (const operation of ends) {
        const patch = { ...patchOf(target, operation, row), match } as EnvoyConfigObjectPatch;
        expect(patchedBy(row, [patch])).toEqual(before);
      }
    });
  }
});

describe('without a named element', () => {
  const whole = { context: 'SIDECAR_OUTBOUND', listener: { name: '0.0.0.0_80' } } as const;
  const row = operationMatrix.HTTP_FILTER;
  const [fault = '', cors = '', router = ''] = row.before;
  const cases: readonly (readonly [PatchOperation, readonly string[]])[] = [
    ['INSERT_BEFORE', ['patched', fault, cors, router]],
    ['INSERT_AFTER', [fault, cors, router, 'patched']],
    ['REPLACE', row.before],
    ['REMOVE', row.before],
  ];
  for (const [operation, expected] of cases) {
    it(`HTTP_FILTER ${operation}`, () => {
      const patch = { ...patchOf('HTTP_FILTER', operation, row), match: whole };
      expect(shown(row, patchedBy(row, [patch]))).toEqual(expected);
    });
  }

  it('HTTP_ROUTE INSERT_BEFORE, INSERT_AFTER and INSERT_FIRST are at the ends of every virtual host', () => {
    const ofRoutes = operationMatrix.HTTP_ROUTE;
    const match = { context: 'SIDECAR_OUTBOUND' } as const;
    const by = (operation: PatchOperation) =>
      shown(ofRoutes, patchedBy(ofRoutes, [{ ...patchOf('HTTP_ROUTE', operation, ofRoutes), match }]));
    expect(by('INSERT_BEFORE')).toEqual(['patched', 'first', 'second base', 'third']);
    expect(by('INSERT_FIRST')).toEqual(['patched', 'first', 'second base', 'third']);
    expect(by('INSERT_AFTER')).toEqual(['first', 'second base', 'third', 'patched']);
  });
});
