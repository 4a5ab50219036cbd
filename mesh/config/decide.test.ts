import { describe, expect, it } from 'vitest';
import { type ConfigResource, configKey } from '../../events/model.ts';
import { type CurrentConfig, decideApply, decideDelete } from './decide.ts';

const command = { actor: 'user:anna', source: '/admin', time: '2026-02-01T00:00:00.000Z', traceparent: '00-a-b-01' };
const sidecar: ConfigResource = {
  apiVersion: 'networking.istio.io/v1',
  kind: 'Sidecar',
  namespace: 'default',
  name: 's',
  spec: { egress: [{ hosts: ['./*'] }] },
};

function current(resources: readonly ConfigResource[], versions: Readonly<Record<string, number>> = {}): CurrentConfig {
  return {
    get: (kind, namespace, name) =>
      resources.find((resource) => configKey(resource) === `${kind}/${namespace}/${name}`),
    subjectVersion: (subject) => versions[subject] ?? 0,
  };
}

describe('decideApply', () => {
  it('given nothing, creates, at the time of the command', () => {
    const decision = decideApply(current([]), { ...command, resources: [sidecar] });
    expect(decision).toMatchObject({
      ok: true,
      results: [{ key: 'Sidecar/default/s', action: 'created' }],
      warnings: [],
      appends: [
        {
          expectedVersion: 0,
          event: {
            type: 'io.periplus.config.applied',
            subject: 'config/Sidecar/default/s',
            actor: 'user:anna',
            source: '/admin',
            time: command.time,
            causes: [],
            traceparent: '00-a-b-01',
            data: { ...sidecar, createdAt: command.time },
          },
        },
      ],
    });
  });

  it('given the same content, in whatever order, does nothing', () => {
    const before = { ...sidecar, createdAt: '2026-01-01T00:00:00.000Z' };
    const { spec, ...rest } = sidecar;
    const decision = decideApply(current([before], { 'config/Sidecar/default/s': 4 }), {
      ...command,
      resources: [{ spec, ...rest }],
    });
    expect(decision).toMatchObject({ ok: true, appends: [], results: [{ action: 'unchanged' }] });
  });

  it('given other content, configures, and keeps the time of creation', () => {
    const before = { ...sidecar, createdAt: '2026-01-01T00:00:00.000Z' };
    const after = { ...sidecar, spec: { egress: [{ hosts: ['*/*'] }] } };
    const decision = decideApply(current([before], { 'config/Sidecar/default/s': 4 }), {
      ...command,
      resources: [after],
    });
    expect(decision).toMatchObject({
      ok: true,
      results: [{ action: 'configured' }],
      appends: [{ expectedVersion: 4, event: { data: { ...after, createdAt: before.createdAt } } }],
    });
  });

  it('gives a retry the same ids, and the same content after a deletion another', () => {
    const ids = (version: number) => {
      const decision = decideApply(current([], { 'config/Sidecar/default/s': version }), {
        ...command,
        resources: [sidecar],
      });
      return decision.ok ? decision.appends.map(({ event }) => event.id) : [];
    };
    expect(ids(0)).toEqual(ids(0));
    expect(ids(0)).not.toEqual(ids(2));
  });

  it('refuses all when one is wrong', () => {
    const wrong = { ...sidecar, name: 'w', spec: {} };
    const decision = decideApply(current([]), { ...command, resources: [sidecar, wrong] });
    expect(decision).toMatchObject({
      ok: false,
      reason: 'invalid',
      problems: [{ resource: 'Sidecar/default/w', path: 'spec' }],
    });
  });

  it('refuses what is given twice, and what is not configuration', () => {
    expect(decideApply(current([]), { ...command, resources: [sidecar, sidecar] })).toMatchObject({
      ok: false,
      problems: [{ path: 'metadata.name' }],
    });
    expect(decideApply(current([]), { ...command, resources: [{ ...sidecar, kind: 'Pod' }] })).toMatchObject({
      ok: false,
      problems: [{ path: 'kind' }],
    });
  });

  it('passes warnings on', () => {
    const spec = {
      hosts: ['a'],
      http: [
        {
          route: [
            { destination: { host: 'x' }, weight: 1 },
            { destination: { host: 'y' }, weight: 1 },
          ],
        },
      ],
    };
    const decision = decideApply(current([]), {
      ...command,
      resources: [{ ...sidecar, kind: 'VirtualService', spec }],
    });
    expect(decision).toMatchObject({ ok: true, warnings: [{ severity: 'warning', path: 'spec.http[0].route' }] });
  });
});

describe('decideDelete', () => {
  const key = { kind: 'Sidecar', namespace: 'default', name: 's' };

  it('given the resource, deletes it, once', () => {
    const decision = decideDelete(current([sidecar], { 'config/Sidecar/default/s': 1 }), {
      ...command,
      keys: [key, key],
    });
    expect(decision).toMatchObject({
      ok: true,
      results: [{ key: 'Sidecar/default/s', action: 'deleted' }],
      appends: [{ expectedVersion: 1, event: { type: 'io.periplus.config.deleted', data: key } }],
    });
  });

  it('given nothing, says so and deletes nothing of the rest', () => {
    const decision = decideDelete(current([sidecar]), { ...command, keys: [key, { ...key, name: 'x' }] });
    expect(decision).toMatchObject({ ok: false, reason: 'not-found', problems: [{ resource: 'Sidecar/default/x' }] });
  });
});
