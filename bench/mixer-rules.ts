// The rules that the benchmarks put before requests, and a check as a stock Envoy sends it.
import { create, toBinary } from '@bufbuild/protobuf';
import { CheckRequestSchema } from '../gen/envoy/service/auth/v3/external_auth_pb.js';

/** Three rules as people write them; `more` is added to each condition. */
export const benchRules = (more: string) => [
  { when: `request.path.startsWith("/admin")${more}`, deny: { status: 403 } },
  { when: `(request.headers["x-user"] | "nobody") == "mallory"${more}`, deny: { status: 403 } },
  { when: `request.method != "OPTIONS"${more}`, list: { value: 'request.method', entries: ['GET', 'HEAD', 'POST'] } },
];

/** What Envoy does not know: it leaves a rule to Mixer. */
export const onlyInMixer = ' && size(request.path | "") >= 0';

/** The Policy of these rules for the workloads `app`. */
export function benchPolicy(app: string, rules: readonly object[]): string {
  const metadata = { name: app, namespace: 'default' };
  const spec = { selector: { matchLabels: { app } }, rules };
  return JSON.stringify({ apiVersion: 'policy.periplus.io/v1', kind: 'Policy', metadata, spec });
}

/** An encoded CheckRequest of a user's GET, with the fields that Envoy 1.40 fills where `mixerFilter` asks. */
export function benchCheck(user: string): Uint8Array {
  const peer = (address: string, portValue: number) => ({
    address: {
      address: {
        case: 'socketAddress' as const,
        value: { address, portSpecifier: { case: 'portValue' as const, value: portValue } },
      },
    },
  });
  const http = {
    ...{ id: '1234567890123456789', method: 'GET', path: '/reviews/1?a=b', host: 'web', scheme: 'http' },
    ...{ protocol: 'HTTP/1.1', size: -1n, headers: { 'x-user': user, ':path': '/reviews/1?a=b', ':method': 'GET' } },
  };
  const time = { seconds: 1_763_856_000n, nanos: 123_456_000 };
  const attributes = {
    ...{ source: peer('127.0.0.1', 40_000), destination: peer('127.0.0.1', 9_080), request: { time, http } },
    metadataContext: {},
  };
  return toBinary(CheckRequestSchema, create(CheckRequestSchema, { attributes }));
}
