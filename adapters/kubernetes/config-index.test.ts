import { describe, expect, it } from 'vitest';
import { ConfigIndex } from './config-index.ts';
import type { StatusSubject } from './status-writer.ts';

const place = { apiVersion: 'networking.istio.io/v1', kind: 'VirtualService' };
const path = '/apis/networking.istio.io/v1/virtualservices';
const scope = 'config/VirtualService/shop/web';

const object = (weight: number, resourceVersion: string) => ({
  metadata: { name: 'web', namespace: 'shop', resourceVersion, generation: 3 },
  spec: { hosts: ['web'], http: [{ route: [{ destination: { host: 'web' }, weight }] }] },
  status: { conditions: [{ type: 'Other', status: 'True' }], more: 'of others' },
});

function start() {
  const problems: (string | undefined)[] = [];
  const noted: StatusSubject[] = [];
  const forgotten: string[] = [];
  const index = new ConfigIndex((_, problem) => problems.push(problem), {
    note: (subject) => noted.push(subject),
    forget: (gone) => forgotten.push(gone),
  });
  const set = (weight: number, version: string) =>
    index.set('VirtualService', index.read(object(weight, version), { ...place, path }));
  return { index, problems, noted, forgotten, set };
}

describe('the index of configuration', () => {
  it('notes each version once for its status, with what is wrong and where the status is', () => {
    const { index, noted, forgotten, set } = start();
    set(100, '1');
    set(100, '1');
    set(-1, '2');
    expect(noted).toMatchObject([
      { scope, resourceVersion: '1', generation: 3, problems: [], kind: 'VirtualService' },
      { scope, resourceVersion: '2', problems: [{ severity: 'error' }] },
    ]);
    expect(noted[0]?.path).toBe('/apis/networking.istio.io/v1/namespaces/shop/virtualservices/web/status');
    expect(noted[0]?.status).toEqual({ conditions: [{ type: 'Other', status: 'True' }] });
    index.replace('VirtualService', []);
    expect(forgotten).toEqual([scope]);
  });

  it('hands on what is valid and only reports what is not', () => {
    const { index, problems, set } = start();
    set(100, '1');
    expect(index.takeChanges().get(scope)).toHaveLength(1);
    set(-1, '2');
    expect(index.hasChanges).toBe(false);
    expect(problems.at(-1)).toMatch(/weight/);
    set(50, '3');
    expect(problems.at(-1)).toBeUndefined();
    index.replace('VirtualService', []);
    expect(index.takeChanges().get(scope)).toEqual([]);
  });

  it('judges known versions again when their kind is served in another way, such as with a status', () => {
    const { index, noted } = start();
    index.set('VirtualService', index.read(object(100, '1'), place));
    expect(noted).toEqual([]);
    expect(index.read(object(100, '1'), { ...place, path }).verdict).toBe('known');
    index.reread('VirtualService');
    index.set('VirtualService', index.read(object(100, '1'), { ...place, path }));
    expect(noted).toMatchObject([{ scope, resourceVersion: '1' }]);
  });

  it('leaves alone what is labelled for another revision, and lets go of what is from now on', () => {
    const { index, noted, forgotten } = start();
    const labelled = (revision: string, version: string) => {
      const one = object(100, version);
      const metadata = { ...one.metadata, labels: { 'istio.io/rev': revision } };
      index.set('VirtualService', index.read({ ...one, metadata }, { ...place, path }));
      return index.takeChanges().get(scope)?.length;
    };
    expect(labelled('default', '1')).toBe(1);
    expect(noted).toHaveLength(1);
    expect(labelled('canary', '2')).toBe(0);
    expect([noted.length, forgotten]).toEqual([1, [scope]]);
    const canary = new ConfigIndex(() => {}, undefined, { revision: 'canary' });
    const own = { ...object(1, '3'), metadata: { ...object(1, '3').metadata, labels: { 'istio.io/rev': 'canary' } } };
    expect(canary.read(own, place).verdict).toMatchObject({ items: [{ kind: 'config' }] });
  });
});
