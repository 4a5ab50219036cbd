// A workload's own ProxyConfig as text.
import { expect, it } from 'vitest';
import { readProxyConfig } from './read-proxy-config.ts';

it('reads what starts a proxy and what Pilot is to know, and passes over the rest', () => {
  const text =
    'concurrency: 0\nproxyMetadata: { TEAM: blue }\ngatewayTopology: { numTrustedProxies: 2 }\ndrainDuration: 9s\n';
  expect(readProxyConfig(text)).toEqual({
    settings: { concurrency: 0, proxyMetadata: { TEAM: 'blue' } },
    traffic: { gatewayTopology: { numTrustedProxies: 2 } },
  });
  expect(readProxyConfig('{"readinessProbe":{"tcpSocket":{"port":1}}}')).toMatchObject({
    settings: { readinessProbe: { tcpSocket: { port: 1 } } },
  });
});

it.each([
  ['[1]', 'expected the fields'],
  ['concurrency: many', 'concurrency: expected'],
  ['concurrency: -1', "can't be negative"],
  ['a: [', 'flow'],
])('says what is wrong with %j', (text, problem) => {
  expect(readProxyConfig(text)).toEqual({ problem: expect.stringMatching(new RegExp(problem, 'i')) });
});
