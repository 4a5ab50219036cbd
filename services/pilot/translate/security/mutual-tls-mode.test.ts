// Which mode holds for a port: the narrowest policy's, the oldest of several, the level above where one is silent.
import { describe, expect, it } from 'vitest';
import { resourceOf } from '../../../../mesh/snapshot-fixture.ts';
import { modeOfPort, mutualTlsModes } from './mutual-tls-mode.ts';

type Mode = 'UNSET' | 'DISABLE' | 'PERMISSIVE' | 'STRICT';

function policy(namespace: string, mode: Mode | undefined, more: { app?: string; ports?: Record<string, Mode> } = {}) {
  return resourceOf(
    'PeerAuthentication',
    `${namespace}-${mode}-${more.app}`,
    {
      ...(mode ? { mtls: { mode } } : {}),
      ...(more.app ? { selector: { matchLabels: { app: more.app } } } : {}),
      ...(more.ports
        ? { portLevelMtls: Object.fromEntries(Object.entries(more.ports).map(([port, of]) => [port, { mode: of }])) }
        : {}),
    },
    { namespace },
  );
}

function modeAt(port: number, policies: readonly ReturnType<typeof policy>[], namespace = 'default') {
  const workload = { rootNamespace: 'istio-system', namespace, labels: { app: 'web' } };
  return modeOfPort(mutualTlsModes(policies, workload), port);
}

describe('the mutual TLS mode of a port', () => {
  it('is PERMISSIVE without policies', () => {
    expect(modeAt(80, [])).toBe('PERMISSIVE');
  });

  it('goes mesh < namespace < workload < port', () => {
    const mesh = policy('istio-system', 'STRICT');
    const namespace = policy('default', 'DISABLE');
    const workload = policy('default', 'PERMISSIVE', { app: 'web', ports: { 8080: 'STRICT' } });
    expect(modeAt(80, [mesh])).toBe('STRICT');
    expect(modeAt(80, [mesh, namespace])).toBe('DISABLE');
    expect(modeAt(80, [mesh, namespace, workload])).toBe('PERMISSIVE');
    expect(modeAt(8080, [mesh, namespace, workload])).toBe('STRICT');
  });

  it('is inherited where a level says UNSET or nothing', () => {
    const mesh = policy('istio-system', 'STRICT');
    expect(modeAt(80, [mesh, policy('default', 'UNSET')])).toBe('STRICT');
    expect(modeAt(80, [mesh, policy('default', undefined, { app: 'web', ports: { 8080: 'UNSET' } })])).toBe('STRICT');
    expect(modeAt(8080, [mesh, policy('default', 'DISABLE', { app: 'web', ports: { 8080: 'UNSET' } })])).toBe(
      'DISABLE',
    );
  });

  it('is not of policies for other namespaces or workloads', () => {
    expect(modeAt(80, [policy('other', 'STRICT'), policy('default', 'STRICT', { app: 'db' })])).toBe('PERMISSIVE');
    expect(modeAt(80, [policy('istio-system', 'STRICT', { app: 'web' })])).toBe('PERMISSIVE');
    expect(modeAt(80, [policy('istio-system', 'STRICT', { app: 'web' })], 'istio-system')).toBe('STRICT');
  });

  it('is the oldest of several at one level', () => {
    expect(modeAt(80, [policy('default', 'DISABLE'), policy('default', 'STRICT')])).toBe('DISABLE');
  });
});
