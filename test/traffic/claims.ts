// What every case claims to prove, by area: read by the reference, which runs none of them.
import { areas } from './all-cases.ts';
import type { CapturedPlace } from './captured/mesh.ts';
import type { Claim, Place } from './case.ts';
import { capturedCases } from './cases/captured.ts';
import { identityCases } from './cases/identities.ts';
import { keepaliveCases } from './cases/keepalive.ts';
import { certificateFiles } from './certificates.ts';
import type { IdentityPlace } from './identities/mesh.ts';
import type { Manifest } from './resources.ts';

/** Addresses that stand for those of a run: only the fields count here. */
const somewhere: Place = {
  ports: {
    http: 1001,
    alt: 1002,
    http2: 1003,
    grpc: 1004,
    tcp: 1005,
    tls: 1006,
    originate: 1007,
    auto: 1008,
    client: 1009,
    gateway: 1010,
    spare: [1011, 1012, 1013, 1014, 1015, 1016],
  },
  instances: Object.fromEntries(
    ['e1', 'e2', 'e3', 'o1', 's1', 'app'].map((name, i) => [
      name,
      { address: `127.0.1.${i + 1}`, port: 2001, tlsPort: 2002 },
    ]),
  ) as Place['instances'],
  files: certificateFiles('/certificates'),
};

const server = { address: '127.0.1.9', port: 2001, tlsPort: 2002 };
const somewhereCaptured: CapturedPlace = {
  prefix: '10.231.0',
  servers: { a: server, b: server, outside: server },
  app: server,
};

const somewhereSecured: IdentityPlace = {
  addresses: { web: '127.0.1.1', vm: '127.0.1.2', stranger: '127.0.1.3' },
  port: 9080,
};

interface Case<Where> extends Pick<Claim, 'name' | 'proves'> {
  readonly resources?: (place: Where) => readonly Manifest[];
  readonly later?: (place: Where) => readonly Manifest[];
}

function claimsAt<Where>(place: Where, cases: readonly Case<Where>[]): Claim[] {
  return cases.map(({ name, proves, resources, later }) => ({
    name,
    proves,
    manifests: [...(resources?.(place) ?? []), ...(later?.(place) ?? [])],
  }));
}

/** Claims by area. */
export const claims: Readonly<Record<string, readonly Claim[]>> = {
  ...Object.fromEntries(Object.entries(areas).map(([area, cases]) => [area, claimsAt(somewhere, cases)])),
  identities: claimsAt(somewhereSecured, identityCases),
  captured: claimsAt(somewhereCaptured, [...capturedCases, ...keepaliveCases]),
};
