// The samples that are shipped: they apply without a finding, and Envoy carries out nearly all of what they decide.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseFiles } from '../config/parse.ts';
import { validateObjects } from '../config/validate.ts';
import { snapshotOf } from '../snapshot-fixture.ts';
import { compilePolicies } from './compile-policies.ts';
import { placeRules } from './lowering/placement.ts';

const folder = join(import.meta.dirname, '../../examples/policy');

describe('the samples of policies', () => {
  const files = readdirSync(folder).map((file) => ({ file, text: readFileSync(join(folder, file), 'utf8') }));
  const { objects, problems } = parseFiles(files);

  it('apply without a finding', () => {
    expect([...problems, ...validateObjects(objects)]).toEqual([]);
  });

  it('are decided by Envoy itself to at least 95 %', () => {
    const config = objects.flatMap((object) => (object.type === 'config' ? [object.resource] : []));
    const set = compilePolicies(snapshotOf({ config }).config);
    expect(set.broken).toEqual([]);
    const places = ['productpage', 'details', 'reviews', 'ratings'].flatMap((app) => {
      const services = { '9080': `${app}.default.svc.cluster.local` };
      const facts = {
        namespace: 'default',
        name: '',
        labels: { app },
        serviceAccount: '',
        trustDomain: 'cluster.local',
      };
      return placeRules(set, { ...facts, isGateway: false, services }, 'istio-system').map(({ place }) => place);
    });
    const decided = places.filter((place) => place !== 'none');
    expect(decided.length).toBeGreaterThanOrEqual(23);
    expect(decided.filter((place) => place === 'rate-limit')).toHaveLength(1);
    expect(
      decided.filter((place) => place !== 'ext-authz' && place !== 'rate-limit').length / decided.length,
    ).toBeGreaterThanOrEqual(0.95);
  });
});
