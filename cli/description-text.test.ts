// What people read of a description: what is exposed, which subset is empty, since when and by whom.
import { describe, expect, it } from 'vitest';
import { endpointAt, httpService, resourceOf, snapshotOf } from '../mesh/snapshot-fixture.ts';
import { describeService } from '../services/pilot/describe/describe-service.ts';
import { formatDescription } from './description-text.ts';

const web = httpService('web');
const snapshot = snapshotOf({
  services: [web],
  endpoints: [
    endpointAt(web, '10.0.0.1', { labels: { version: 'v1' } }),
    endpointAt(web, '10.0.0.3', { labels: { version: 'v3' } }),
  ],
  config: [
    resourceOf('Gateway', 'edge', {
      selector: { istio: 'ingressgateway' },
      servers: [
        { port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['*'], tls: { httpsRedirect: true } },
        {
          port: { number: 443, name: 'https', protocol: 'HTTPS' },
          hosts: ['web.example.com'],
          tls: { mode: 'SIMPLE', credentialName: 'web-tls' },
        },
      ],
    }),
    resourceOf('VirtualService', 'web', {
      hosts: ['web.example.com'],
      gateways: ['edge'],
      http: [{ route: [{ destination: { host: 'web', subset: 'v1' } }] }],
    }),
    resourceOf('DestinationRule', 'web', {
      host: 'web',
      subsets: ['v1', 'v2'].map((version) => ({ name: version, labels: { version } })),
    }),
  ],
});

describe('formatDescription', () => {
  it('says of a service what leads to it, what is wrong with its subsets, since when and by whom', () => {
    const changes = ['Gateway/default/edge', 'DestinationRule/default/web'].map((resource, index) => ({
      resource,
      position: 71 + index,
      time: '2026-11-22T10:00:00Z',
      actor: 'user:anna',
    }));
    const described = describeService(snapshot, web, { from: 'default', proxies: [] });
    const lines = formatDescription({ ...described, changes }).split('\n');
    for (const line of [
      '  ports http 80/HTTP → 9080',
      '  Gateway/default/edge: VirtualService/default/web names it; since position 71, 2026-11-22T10:00:00Z, by user:anna',
      '    HTTP 80, redirects to HTTPS: web.example.com',
      '    HTTPS 443 SIMPLE: web.example.com',
      '    no proxy that it selects is connected',
      '    subset v1 (version=v1): 1 of 1 endpoints healthy',
      '    warning: subset v2 (version=v2): no endpoint has these labels',
    ])
      expect(lines).toContain(line);
    expect(lines.find((line) => line.includes('10.0.0.1 '))).toContain('; subsets v1; no proxy');
    expect(lines.find((line) => line.includes('10.0.0.3 '))).toContain('; warning: matches no subset; no proxy');
    expect(lines.find((line) => line.includes('DestinationRule/default/web: '))).toMatch(
      /; since position 72, .*anna$/,
    );
  });
});
