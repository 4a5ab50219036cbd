// OpenTelemetry's resource of an Envoy: what is set already stays.
import { expect, it } from 'vitest';
import { envoyEnvironment } from './envoy-environment.ts';
import type { ProxyIdentity } from './proxy-node.ts';

const identity: ProxyIdentity = {
  type: 'sidecar',
  name: 'web-1',
  namespace: 'shop',
  addresses: ['10.0.0.1'],
  labels: { app: 'web' },
};

it('adds what is not set', () => {
  const attributes = (set?: string) => envoyEnvironment(identity, set).OTEL_RESOURCE_ATTRIBUTES;
  expect(attributes()).toBe('service.namespace=shop,service.version=latest,service.instance.id=web-1');
  expect(attributes('service.version=7,a=b')).toBe(
    'service.namespace=shop,service.instance.id=web-1,service.version=7,a=b',
  );
});
