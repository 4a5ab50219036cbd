// A proxy's own ProxyConfig (annotation proxy.istio.io/config) over the mesh's.
import { describe, expect, it } from 'vitest';
import { defaultMeshConfig } from '../../../mesh/config/mesh-config.ts';
import { snapshotOf } from '../../../mesh/snapshot-fixture.ts';
import { sidecarContext } from './context-fixture.ts';
import { createMemo } from './memo.ts';
import { proxyContextOfJson } from './node.ts';
import { snapshotFor } from './proxy-mesh.ts';

const mesh = {
  ...defaultMeshConfig,
  proxyHeaders: { attemptCount: { disabled: true }, xForwardedHost: { enabled: true } },
  tracing: { sampling: 10, maxPathTagLength: 8 },
};
const snapshot = snapshotOf({ mesh });

describe('a proxy’s own ProxyConfig', () => {
  it('changes the parts that it speaks of, as Istio merges them', () => {
    const proxyConfig = { proxyHeaders: { requestId: { disabled: true } }, tracing: { sampling: 50 } };
    const own = snapshotFor(snapshot, sidecarContext({ proxyConfig }), createMemo()).mesh;
    expect(own.proxyHeaders).toEqual({ attemptCount: { disabled: true }, requestId: { disabled: true } });
    expect(own.tracing).toEqual({ sampling: 50 });
  });

  it('gives proxies that say the same one mesh, and those that say nothing the mesh’s', () => {
    const memo = createMemo();
    const contextOf = () => sidecarContext({ proxyConfig: { tracing: { sampling: 50 } } });
    expect(snapshotFor(snapshot, contextOf(), memo)).toBe(snapshotFor(snapshot, contextOf(), memo));
    expect(snapshotFor(snapshot, sidecarContext(), memo)).toBe(snapshot);
  });

  it('comes with the node; what Pilot does not read is passed over, what makes no sense is refused', () => {
    const of = (PROXY_CONFIG: Record<string, string | number | object>) =>
      proxyContextOfJson({ id: 'sidecar~10.0.0.1~a.default~default.svc.cluster.local', metadata: { PROXY_CONFIG } });
    const tracing = {
      sampling: 50,
      zipkin: { address: 'zipkin:9411' },
      customTags: { a: { literal: { value: 'b' } } },
    };
    expect(of({ statusPort: 15020, tracing })).toMatchObject({
      context: { proxyConfig: { tracing: { sampling: 50, customTags: { a: { literal: { value: 'b' } } } } } },
    });
    expect(of({ statusPort: 15020 })).not.toHaveProperty('context.proxyConfig');
    expect(of({ tracing: { sampling: 'much' } })).toHaveProperty('problem');
    expect(of({ tracing: { customTags: { a: { literal: { value: 'x'.repeat(20_000) } } } } })).toHaveProperty(
      'problem',
    );
  });
});
