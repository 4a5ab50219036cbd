import { describe, expect, it } from 'vitest';
import { builderOf, recorded } from './snapshot-fixture.ts';

const fact = (name: string, data: object) => ({
  type: `io.periplus.identity.${name}`,
  subject: `identity/${name}`,
  data: { trustDomain: 'partner.example', ...data },
});

describe('trust bundles', () => {
  it('are the newest of each trust domain until the federation ends, and the same object while none changes', () => {
    const builder = builderOf({});
    expect(builder.snapshot().trustBundles.federated.size).toBe(0);
    builder.apply(recorded(fact('federated-bundle-updated', { roots: ['one'] }), 1));
    builder.apply(recorded(fact('bundle-published', { trustDomain: 'cluster.local', roots: ['ours'] }), 2));
    builder.apply(recorded(fact('federated-bundle-updated', { roots: ['two'] }), 3));
    const { trustBundles } = builder.snapshot();
    expect([...trustBundles.federated, ...trustBundles.own]).toEqual([
      ['partner.example', ['two']],
      ['cluster.local', ['ours']],
    ]);
    builder.apply(recorded(fact('certificate-issued', {}), 4));
    expect(builder.snapshot().trustBundles).toBe(trustBundles);
    builder.apply(recorded(fact('federation-ended', {}), 5));
    expect(builder.snapshot().trustBundles.federated.size).toBe(0);
  });

  it('that are quarantined give way to the ones before', () => {
    const builder = builderOf({});
    builder.apply(recorded(fact('federated-bundle-updated', { roots: ['one'] }), 1));
    builder.apply(recorded(fact('federated-bundle-updated', { roots: ['bad'] }), 2));
    const data = { position: 2, id: 'event-2', reason: 'test' };
    const type = 'io.periplus.system.event-quarantined';
    builder.apply(recorded({ type, subject: 'system/quarantine/2', data }, 3));
    expect(builder.snapshot().trustBundles.federated.get('partner.example')).toEqual(['one']);
  });
});
