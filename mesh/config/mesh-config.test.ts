import { describe, expect, it } from 'vitest';
import { checkMeshConfig, defaultMeshConfig, meshConfigOf } from './mesh-config.ts';
import { noSource, type Problem, reportTo } from './problem.ts';

function check(document: unknown) {
  const problems: Problem[] = [];
  const spec = checkMeshConfig(document, [], reportTo(problems, noSource));
  return { spec, problems };
}

describe('mesh configuration', () => {
  it('is Istio’s defaults where nothing is set', () => {
    expect(meshConfigOf(check({}).spec)).toEqual(defaultMeshConfig);
    expect(meshConfigOf(check({ rootNamespace: '', trustDomain: null, defaultServiceExportTo: [] }).spec)).toEqual(
      defaultMeshConfig,
    );
  });

  it('takes each field it knows', () => {
    const { spec, problems } = check({
      rootNamespace: 'root',
      trustDomain: 'example.org',
      outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' },
      accessLogFile: '/dev/stdout',
      accessLogEncoding: 'JSON',
      protocolDetectionTimeout: '100ms',
      connectTimeout: '2s',
      dnsRefreshRate: '5s',
      defaultServiceExportTo: ['.'],
      localityLbSetting: { enabled: false },
      defaultHttpRetryPolicy: { attempts: 0 },
      enableAutoMtls: false,
      pathNormalization: { normalization: 'NONE' },
    });
    expect(problems).toEqual([]);
    expect(meshConfigOf(spec)).toEqual({
      ...defaultMeshConfig,
      rootNamespace: 'root',
      trustDomain: 'example.org',
      outboundTrafficPolicy: 'REGISTRY_ONLY',
      accessLogFile: '/dev/stdout',
      accessLogEncoding: 'JSON',
      protocolDetectionTimeoutMs: 100,
      connectTimeoutMs: 2000,
      dnsRefreshRateMs: 5000,
      defaultServiceExportTo: ['.'],
      localityLbEnabled: false,
      localityLbSetting: { enabled: false },
      defaultHttpRetryPolicy: { attempts: 0 },
      enableAutoMtls: false,
      pathNormalization: 'NONE',
    });
  });

  it('warns of what has no effect and of what it does not know', () => {
    const { problems } = check({
      ingressClass: 'x',
      verifyCertificateAtClient: true,
      trustDomian: 'x',
      connectTimeout: 5,
    });
    expect(problems.map(({ severity, path }) => `${severity} ${path}`)).toEqual([
      'warning trustDomian',
      'error connectTimeout',
      'warning ingressClass',
      'warning verifyCertificateAtClient',
    ]);
  });

  it('warns of headers that would tell a receiver a variable of the control plane’s own, and of no others', () => {
    const headers = ['TOKEN', 'PERIPLUS_KEY'].map((envName) => ({ name: 'authorization', envName }));
    const { problems } = check({ extensionProviders: [{ name: 'z', zipkin: { service: 'z', port: 80, headers } }] });
    expect(problems.map(({ severity, path }) => `${severity} ${path}`)).toEqual([
      'warning extensionProviders[0].zipkin.headers[1].envName',
    ]);
  });

  it('refuses a document that is no object', () => {
    expect(check('text').problems).toHaveLength(1);
  });

  it('refuses what Istio refuses, though it would have no effect here', () => {
    const errorsOf = (document: object) =>
      check(document)
        .problems.filter(({ severity }) => severity === 'error')
        .map(({ path }) => path);
    expect(
      errorsOf({
        proxyListenPort: 70_000,
        serviceSettings: [{ hosts: ['*.ok.com', 'a.*.com'] }],
        meshMTLS: { ecdhCurves: ['P-256'] },
        defaultConfig: {
          discoveryAddress: 'istiod.istio-system.svc',
          statusPort: 0,
          drainDuration: '1500ms',
          tracing: { zipkin: { address: '$(HOST_IP):9411' }, datadog: { address: ':8126' } },
        },
      }),
    ).toEqual([
      'proxyListenPort',
      'serviceSettings[0].hosts[1]',
      'meshMTLS.ecdhCurves',
      'defaultConfig.statusPort',
      'defaultConfig.discoveryAddress',
      'defaultConfig.tracing.datadog.address',
      'defaultConfig.drainDuration',
    ]);
    expect(
      errorsOf({
        proxyListenPort: 15_001,
        defaultConfig: { discoveryAddress: 'istiod.istio-system.svc:15012', drainDuration: '45s', proxyMetadata: {} },
      }),
    ).toEqual([]);
  });
});
