// When listeners tell Mixer of requests, and what they tell it.
import { describe, expect, it } from 'vitest';
import { parseDocuments } from '../../../../mesh/config/parse.ts';
import { decodeCheckCall } from '../../../../mesh/policy/check-call.ts';
import { mixerCluster, mixerService } from '../../../../mesh/policy/mixer-service.ts';
import { endpointAt, httpService, snapshotOf } from '../../../../mesh/snapshot-fixture.ts';
import { sidecarContext } from '../context-fixture.ts';
import { setToJson } from '../json.ts';
import { createMemo } from '../memo.ts';
import { translate } from '../translate.ts';
import { typeUrls } from '../translation.ts';

const policy = `
apiVersion: config.istio.io/v1alpha2
kind: handler
metadata: { name: out, namespace: default }
spec: { compiledAdapter: stdio, params: {} }
---
apiVersion: policy.periplus.io/v1
kind: Policy
metadata: { name: p, namespace: default }
spec:
  selector: { matchLabels: { app: web } }
  rules:
    - when: '(request.headers["x-user"] | "") != "" && (request.headers["not a name"] | "") == ""'
      report:
        handlers: [out]
        log: { variables: { agent: request.useragent, by: 'response.headers["x-by"]', grpc: response.grpc_status } }
`;

interface GrpcLog {
  readonly commonConfig: {
    readonly logName: string;
    readonly grpcService: {
      readonly envoyGrpc: { readonly clusterName: string };
      readonly initialMetadata: readonly { readonly value: string }[];
    };
  };
}

function grpcLogs(options: { readonly app: string; readonly mixer: boolean }): readonly GrpcLog[] {
  const { objects, problems } = parseDocuments(policy);
  expect(problems).toEqual([]);
  const service = httpService('web');
  const snapshot = snapshotOf({
    services: [service, ...(options.mixer ? [mixerService] : [])],
    endpoints: [endpointAt(service, '10.0.0.1')],
    config: objects.flatMap((one) => (one.type === 'config' ? [one.resource] : [])),
  });
  const context = sidecarContext({ labels: { app: options.app } });
  const listeners = setToJson(translate(snapshot, context, createMemo()).resources(typeUrls.listener));
  const found: GrpcLog[] = [];
  JSON.stringify(listeners, (_, value) => {
    if (String(value?.['@type']).endsWith('HttpGrpcAccessLogConfig')) found.push(value as GrpcLog);
    return value as unknown;
  });
  return found;
}

describe('the log for reports', () => {
  it('names the rules and asks for the headers that they read, on inbound listeners alone', () => {
    const logs = grpcLogs({ app: 'web', mixer: true });
    expect(logs.length).toBeGreaterThan(0);
    for (const log of logs) {
      expect(log).toMatchObject({
        commonConfig: { logName: 'mixer', grpcService: { envoyGrpc: { clusterName: mixerCluster } } },
        additionalRequestHeadersToLog: ['user-agent', 'x-user'],
        additionalResponseHeadersToLog: ['grpc-status', 'x-by'],
        additionalResponseTrailersToLog: ['grpc-status', 'x-by'],
      });
      const call = decodeCheckCall(log.commonConfig.grpcService.initialMetadata[0]?.value ?? '');
      expect(call).toMatchObject({ rules: ['Policy/default/p[0]'], facts: { labels: { app: 'web' } } });
    }
  });

  it('is not there for workloads without such a rule, nor without a Mixer', () => {
    expect(grpcLogs({ app: 'other', mixer: true })).toEqual([]);
    expect(grpcLogs({ app: 'web', mixer: false })).toEqual([]);
  });
});
