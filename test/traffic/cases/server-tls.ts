// TLS that ends at a proxy, with certificates from files: at a Gateway's server, and at a Sidecar's ingress listener.
import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { connect } from 'node:tls';
import type { ServerTLSSettings } from '../../../mesh/config/schemas/gateway.ts';
import type { CaseMesh, Place, TrafficCase } from '../case.ts';
import { type Answer, type Call, send, sendHttp2, whileOpening } from '../client.ts';
import { gateway, gatewaySelector, type Manifest, sidecar, virtualService } from '../resources.ts';

type Settings = (place: Place) => ServerTLSSettings;

/** Where TLS ends, on the first spare port. */
interface End {
  readonly name: string;
  /** Path of the settings' fields. */
  readonly path: string;
  readonly address: string;
  /** Who answers behind it. */
  readonly instance: string;
  /** Whether it takes connections for the names of its hosts only. */
  readonly isNamed: boolean;
  readonly resources: (settings: Settings, place: Place) => Manifest[];
}

/** An End, and a client of it. */
interface ServedEnd extends End {
  callOf(mesh: CaseMesh): Call & { readonly tls: NonNullable<Call['tls']> };
  https(mesh: CaseMesh, path?: string, options?: Call['tls']): Promise<Answer>;
}

/** One check, wherever TLS ends. */
interface Check {
  readonly name: string;
  /** Fields of ServerTLSSettings. */
  readonly proves: readonly string[];
  /** Refused at sidecars, as in Istio. */
  readonly atGatewaysOnly?: true;
  readonly settings: Settings;
  readonly run: (mesh: CaseMesh, end: ServedEnd) => Promise<void>;
}

const host = 'web.example.com';
const ends: readonly End[] = [
  {
    name: 'gateway',
    path: 'Gateway.servers.tls',
    address: '127.0.0.1',
    instance: 'o1',
    isNamed: true,
    resources: (settings, place) => [
      gateway('secure', {
        selector: gatewaySelector,
        servers: [
          {
            port: { number: place.ports.spare[0], name: 'https', protocol: 'HTTPS' },
            bind: '127.0.0.1',
            hosts: [host],
            tls: settings(place),
          },
        ],
      }),
      virtualService('web', {
        hosts: [host],
        gateways: ['secure'],
        http: [{ route: [{ destination: { host: 'other' } }] }],
      }),
    ],
  },
  {
    name: 'sidecar',
    path: 'Sidecar.ingress.tls',
    address: '127.77.0.9',
    instance: 'app',
    isNamed: false,
    resources: (settings, place) => [
      sidecar('client', {
        workloadSelector: { labels: { app: 'client' } },
        ingress: [
          {
            port: { number: place.ports.spare[0], name: 'https', protocol: 'HTTPS' },
            bind: '127.77.0.9',
            captureMode: 'NONE',
            defaultEndpoint: `127.0.0.1:${place.instances.app.port}`,
            tls: settings(place),
          },
        ],
        egress: [{ hosts: ['*/*'] }],
      }),
    ],
  },
];

function served(end: End): ServedEnd {
  const callOf = (mesh: CaseMesh) => ({
    port: mesh.ports.spare[0],
    address: end.address,
    host,
    tls: { ca: mesh.certificates.ca, servername: host },
    timeoutMs: 3_000,
  });
  const https: ServedEnd['https'] = (mesh, path = '/', options = {}) => {
    const call = callOf(mesh);
    return send(path, { ...call, tls: { ...call.tls, ...options } });
  };
  return { ...end, callOf, https };
}

const ownCertificate = ({ files }: Place) => ({ serverCertificate: files.server, privateKey: files.serverKey });
const simple =
  (more: Partial<ServerTLSSettings> = {}): Settings =>
  (place) => ({ mode: 'SIMPLE', ...ownCertificate(place), ...more });
const mutual =
  (more: Partial<ServerTLSSettings> = {}): Settings =>
  (place) => ({ mode: 'MUTUAL', ...ownCertificate(place), caCertificates: place.files.ca, ...more });
const clientOf = ({ certificate, key }: { readonly certificate: string; readonly key: string }) => ({
  cert: certificate,
  key,
});

const checks: readonly Check[] = [
  {
    name: 'tls.mode SIMPLE with files, over HTTP/1.1 and HTTP/2',
    proves: ['mode', 'serverCertificate', 'privateKey'],
    settings: simple(),
    run: async (mesh, end) => {
      const { echo } = await end.https(mesh);
      assert.deepEqual([echo.instance, echo.headers['x-forwarded-proto']], [end.instance, 'https']);
      const h2 = await sendHttp2('/', end.callOf(mesh));
      assert.equal(h2.echo.instance, end.instance);
      if (end.isNamed) await assert.rejects(end.https(mesh, '/', { servername: 'api.example.org' }), 'no such name');
    },
  },
  {
    name: 'tls.mode MUTUAL asks for a certificate of the CA',
    proves: ['mode', 'caCertificates'],
    settings: mutual(),
    run: async (mesh, end) => {
      const { client, strangeClient } = mesh.certificates;
      const { echo } = await end.https(mesh, '/', clientOf(client));
      assert.match(echo.headers['x-forwarded-client-cert'] ?? '', /Subject="CN=test client"/);
      await assert.rejects(end.https(mesh));
      await assert.rejects(end.https(mesh, '/', clientOf(strangeClient)));
    },
  },
  {
    name: 'tls.mode OPTIONAL_MUTUAL takes clients without a certificate, but none of another CA',
    proves: ['mode'],
    settings: mutual({ mode: 'OPTIONAL_MUTUAL' }),
    run: async (mesh, end) => {
      const { client, strangeClient } = mesh.certificates;
      assert.equal((await end.https(mesh)).echo.headers['x-forwarded-client-cert'], undefined);
      assert.match(
        (await end.https(mesh, '/', clientOf(client))).echo.headers['x-forwarded-client-cert'] ?? '',
        /test client/,
      );
      await assert.rejects(end.https(mesh, '/', clientOf(strangeClient)));
    },
  },
  {
    name: 'tls.caCrl refuses revoked certificates',
    proves: ['caCrl'],
    settings: (place) => ({ ...mutual()(place), caCrl: place.files.revocations }),
    run: async (mesh, end) => {
      assert.equal((await end.https(mesh, '/', clientOf(mesh.certificates.client))).status, 200);
      await assert.rejects(end.https(mesh, '/', clientOf(mesh.certificates.revokedClient)));
    },
  },
  {
    name: 'tls.subjectAltNames of clients',
    proves: ['subjectAltNames'],
    atGatewaysOnly: true,
    settings: mutual({ subjectAltNames: ['client.example.com'] }),
    run: async (mesh, end) => {
      assert.equal((await end.https(mesh, '/', clientOf(mesh.certificates.client))).status, 200);
      await assert.rejects(end.https(mesh, '/', clientOf(mesh.certificates.otherClient)));
    },
  },
  {
    name: 'tls.minProtocolVersion',
    proves: ['minProtocolVersion'],
    settings: simple({ minProtocolVersion: 'TLSV1_3' }),
    run: async (mesh, end) => {
      assert.equal((await end.https(mesh)).status, 200);
      await assert.rejects(end.https(mesh, '/', { maxVersion: 'TLSv1.2' }));
    },
  },
  {
    name: 'tls.maxProtocolVersion and cipherSuites',
    proves: ['maxProtocolVersion', 'cipherSuites'],
    settings: simple({ maxProtocolVersion: 'TLSV1_2', cipherSuites: ['ECDHE-ECDSA-AES256-GCM-SHA384'] }),
    run: async (mesh, end) => {
      assert.deepEqual(await handshake(mesh, end), ['TLSv1.2', 'ECDHE-ECDSA-AES256-GCM-SHA384']);
      await assert.rejects(end.https(mesh, '/', { minVersion: 'TLSv1.3' }));
      await assert.rejects(end.https(mesh, '/', { ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' }));
    },
  },
  {
    name: 'tls.ecdhCurves',
    proves: ['ecdhCurves'],
    settings: simple({ ecdhCurves: ['P-384'] }),
    run: async (mesh, end) => {
      assert.equal((await end.https(mesh, '/', { ecdhCurve: 'P-384' })).status, 200);
      await assert.rejects(end.https(mesh, '/', { ecdhCurve: 'P-256' }));
    },
  },
  {
    name: 'tls.tlsCertificates',
    proves: ['tlsCertificates.serverCertificate', 'tlsCertificates.privateKey'],
    atGatewaysOnly: true,
    settings: (place) => ({ mode: 'SIMPLE', tlsCertificates: [ownCertificate(place)] }),
    run: async (mesh, end) => {
      assert.equal((await end.https(mesh)).echo.instance, end.instance);
    },
  },
  {
    name: 'tls.verifyCertificateHash',
    proves: ['verifyCertificateHash'],
    settings: mutual({ verifyCertificateHash: ['0'.repeat(64)] }),
    run: async (mesh, end) => {
      const { client, otherClient: stranger } = mesh.certificates;
      await assert.rejects(end.https(mesh, '/', clientOf(client)), 'no certificate has this hash');
      const hash = createHash('sha256').update(new X509Certificate(client.certificate).raw).digest('hex');
      await mesh.apply(...end.resources(mutual({ verifyCertificateHash: [hash] }), mesh));
      assert.equal((await end.https(mesh, '/', clientOf(client))).status, 200);
      await assert.rejects(end.https(mesh, '/', clientOf(stranger)));
    },
  },
  {
    name: 'tls.verifyCertificateSpki',
    proves: ['verifyCertificateSpki'],
    settings: mutual({ verifyCertificateSpki: [Buffer.alloc(32).toString('base64')] }),
    run: async (mesh, end) => {
      const { client } = mesh.certificates;
      await assert.rejects(end.https(mesh, '/', clientOf(client)), 'no certificate has this key');
      const spki = new X509Certificate(client.certificate).publicKey.export({ type: 'spki', format: 'der' });
      const hash = createHash('sha256').update(spki).digest('base64');
      await mesh.apply(...end.resources(mutual({ verifyCertificateSpki: [hash] }), mesh));
      assert.equal((await end.https(mesh, '/', clientOf(client))).status, 200);
    },
  },
  {
    name: 'tls.insecureSkipVerify: a certificate is asked for, whoever issued it',
    proves: ['insecureSkipVerify'],
    settings: mutual({ insecureSkipVerify: true }),
    run: async (mesh, end) => {
      assert.equal((await end.https(mesh, '/', clientOf(mesh.certificates.strangeClient))).status, 200);
      await assert.rejects(end.https(mesh));
    },
  },
];

/** Each check at each end. */
export const serverTlsCases: readonly TrafficCase[] = ends.flatMap((end) =>
  checks
    .filter(({ atGatewaysOnly }) => !atGatewaysOnly || end.name === 'gateway')
    .map(({ name, proves, settings, run }) => ({
      name: `${name} (${end.name})`,
      proves: proves.map((field) => `${end.path}.${field}`),
      resources: (place) => end.resources(settings, place),
      run: (mesh) => run(mesh, served(end)),
    })),
);

/** Protocol and cipher that a client gets. */
function handshake(mesh: CaseMesh, { address }: End): Promise<readonly [string | null, string]> {
  return whileOpening(
    () =>
      new Promise<readonly [string | null, string]>((resolve, reject) => {
        const socket = connect({
          host: address,
          port: mesh.ports.spare[0],
          servername: host,
          ca: mesh.certificates.ca,
        });
        socket.once('error', reject);
        socket.once('secureConnect', () => {
          resolve([socket.getProtocol(), socket.getCipher().name]);
          socket.destroy();
        });
      }),
  );
}
