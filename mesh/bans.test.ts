import { describe, expect, it } from 'vitest';
import { isBanned, noBans } from './bans.ts';
import { defaultMeshConfig } from './config/mesh-config.ts';
import { decideBan } from './decide-ban.ts';
import { builderOf, recorded } from './snapshot-fixture.ts';

const spiffeId = 'spiffe://cluster.local/ns/shop/sa/web';
const subject = `identity/${spiffeId}`;
const fact = (name: string) => ({
  type: `io.periplus.identity.identity-${name}`,
  subject,
  data: { spiffeId, reason: 'stolen' },
});

describe('bans', () => {
  it('are in the snapshot from their fact on until they are lifted, the same map while none changes', () => {
    const builder = builderOf({});
    expect(builder.snapshot().bans.size).toBe(0);
    builder.apply(recorded(fact('banned'), 1));
    const { bans, mesh } = builder.snapshot();
    expect([...bans.values()]).toMatchObject([{ spiffeId, reason: 'stolen' }]);
    builder.apply(recorded({ type: 'io.periplus.identity.certificate-issued', subject, data: {} }, 2));
    expect(builder.snapshot().bans).toBe(bans);
    expect(isBanned(bans, { namespace: 'shop', serviceAccount: 'web' }, mesh)).toBe(true);
    expect(isBanned(bans, { namespace: 'shop', serviceAccount: 'we' }, mesh)).toBe(false);
    builder.apply(recorded(fact('unbanned'), 3));
    expect(builder.snapshot().bans.size).toBe(0);
    expect(bans.size).toBe(1);
  });

  it('that are quarantined are as if they had never been', () => {
    const builder = builderOf({});
    builder.apply(recorded(fact('banned'), 1));
    const quarantined = { position: 1, id: 'event-1', reason: 'test' };
    const type = 'io.periplus.system.event-quarantined';
    builder.apply(recorded({ type, subject: 'system/quarantine/1', data: quarantined }, 2));
    expect(builder.snapshot().bans.size).toBe(0);
  });

  it('hold under every alias of the mesh’s trust domain', () => {
    const builder = builderOf({});
    builder.apply(recorded(fact('banned'), 1));
    const mesh = { ...defaultMeshConfig, trustDomain: 'new.example', trustDomainAliases: ['cluster.local'] };
    const { bans } = builder.snapshot();
    const workload = { namespace: 'shop', serviceAccount: 'web' };
    expect(isBanned(bans, workload, mesh)).toBe(true);
    expect(isBanned(bans, workload, { ...mesh, trustDomainAliases: [] })).toBe(false);
  });
});

describe('decideBan', () => {
  const decide = (id: string, banned: boolean, bans = noBans) => decideBan(bans, { spiffeId: id, banned, reason: 'x' });

  it('given nobody is banned, bans, and has nothing to lift', () => {
    expect(decide(spiffeId, true)).toMatchObject({ kind: 'fact', fact: { data: { spiffeId, reason: 'x' } } });
    expect(decide(spiffeId, false)).toEqual({ kind: 'unchanged' });
  });

  it('given the ban, lifts it, and has nothing to ban', () => {
    const bans = new Map([[spiffeId, { spiffeId, reason: '', actor: '', time: '' }]]);
    expect(decide(spiffeId, false, bans)).toMatchObject({
      fact: { type: 'io.periplus.identity.identity-unbanned' },
    });
    expect(decide(spiffeId, true, bans)).toEqual({ kind: 'unchanged' });
  });

  it('refuses what is no workload’s identity, and the control plane’s', () => {
    for (const id of [
      'web',
      'spiffe://cluster.local',
      `${spiffeId}/x`,
      `${spiffeId}?a`,
      'spiffe://cluster.local/ns/*/sa/*',
    ])
      expect(decide(id, true)).toMatchObject({ kind: 'refused', reason: expect.stringContaining('no SPIFFE ID') });
    for (const part of ['citadel', 'pilot'])
      expect(decide(`spiffe://other/ns/periplus-system/sa/${part}`, true)).toMatchObject({
        reason: expect.stringContaining('control plane'),
      });
  });
});
