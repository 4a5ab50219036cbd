// Gateway and DestinationRule credentialName: certificates that Pilot serves over SDS, from a folder of Secrets and PEM files.
import assert from 'node:assert/strict';
import type { ClientTLSSettings } from '../../../mesh/config/schemas/destination-rule.ts';
import type { ServerTLSSettings } from '../../../mesh/config/schemas/gateway.ts';
import { waitFor } from '../../support/wait-for.ts';
import type { CaseMesh, Place, TrafficCase } from '../case.ts';
import { type Call, send, serialOf, shownSerial as serialShown } from '../client.ts';
import { putCredential } from '../credentials.ts';
import { destinationRule, gateway, gatewaySelector, type Manifest, virtualService } from '../resources.ts';

const tls = 'Gateway.servers.tls';
const host = 'web.example.com';
/** Namespace of the gateway proxy: its credentials are looked for there, wherever the Gateway resource is. */
const at = 'istio-system';

function secure(settings: ServerTLSSettings): (place: Place) => Manifest[] {
  return ({ ports }) => [
    gateway('secure', {
      selector: gatewaySelector,
      servers: [
        {
          port: { number: ports.spare[0], name: 'https', protocol: 'HTTPS' },
          bind: '127.0.0.1',
          hosts: ['*.example.com'],
          tls: settings,
        },
      ],
    }),
    virtualService('web', {
      hosts: ['*.example.com'],
      gateways: ['secure'],
      http: [{ route: [{ destination: { host: 'other' } }] }],
    }),
  ];
}

/** A server of a name of its own on the same port, with a certificate that is there. */
function besides({ ports }: Place): Manifest[] {
  return [
    gateway('beside', {
      selector: gatewaySelector,
      servers: [
        {
          port: { number: ports.spare[0], name: 'https', protocol: 'HTTPS' },
          bind: '127.0.0.1',
          hosts: ['beside.example.com'],
          tls: { mode: 'SIMPLE', credentialName: 'web-tls' },
        },
      ],
    }),
    virtualService('beside', {
      hosts: ['beside.example.com'],
      gateways: ['beside'],
      http: [{ route: [{ destination: { host: 'other' } }] }],
    }),
  ];
}

async function https(mesh: CaseMesh, options: Call['tls'] = {}, name = host): Promise<number> {
  const trust = { ca: mesh.certificates.ca, servername: name };
  const call = { port: mesh.ports.spare[0], host: name, tls: { ...trust, ...options }, timeoutMs: 5_000 };
  return (await send('/', call)).status;
}
const clientOf = ({ certificate, key }: { readonly certificate: string; readonly key: string }) => ({
  cert: certificate,
  key,
});

const shownSerial = (mesh: CaseMesh, servername = host) =>
  serialShown(mesh.ports.spare[0], servername, mesh.certificates.ca);

/** Envoy opens the listener at last after 15 s without its secret; here it has it within moments. */
async function untilServed(mesh: CaseMesh, options: Call['tls'] = {}, name = host): Promise<void> {
  await waitFor(async () => (await https(mesh, options, name).catch(() => 0)) === 200, {
    what: `HTTPS for ${name}`,
    everyMs: 20,
    limitMs: 20_000,
  });
}

/** See the file's first line. */
export const gatewayCredentialCases: readonly TrafficCase[] = [
  {
    name: 'tls.credentialName: the certificate of a Secret of the gateway’s namespace',
    proves: [`${tls}.credentialName`, `${tls}.mode`, 'Gateway.servers.port.name'],
    resources: secure({ mode: 'SIMPLE', credentialName: 'web-tls' }),
    run: async (mesh) => {
      await untilServed(mesh);
      assert.equal(await shownSerial(mesh), serialOf(mesh.certificates.server));
    },
  },
  {
    name: 'tls.credentialName: a renewed Secret is served to new connections, without a break',
    proves: [`${tls}.credentialName`],
    later: secure({ mode: 'SIMPLE', credentialName: 'renewed-tls' }),
    run: async (mesh, later) => {
      const { certificates } = mesh;
      putCredential(mesh.files.credentials, { namespace: at, name: 'renewed-tls', pair: certificates.server });
      await mesh.apply(...later);
      await untilServed(mesh);
      const next = await certificates.authority.issue('renewed server', ['*.example.com']);
      putCredential(mesh.files.credentials, { namespace: at, name: 'renewed-tls', pair: next });
      await waitFor(async () => (await shownSerial(mesh)) === serialOf(next), {
        what: 'the renewed certificate',
        everyMs: 20,
        limitMs: 20_000,
      });
      assert.equal(await https(mesh), 200);
    },
  },
  {
    name: 'tls.credentialName that does not exist: no certificate, until it does; other servers of the port need not wait',
    proves: [`${tls}.credentialName`],
    later: (place) => [...secure({ mode: 'SIMPLE', credentialName: 'late-tls' })(place), ...besides(place)],
    run: async (mesh, later) => {
      await mesh.apply(...later);
      await untilServed(mesh, {}, 'beside.example.com');
      // Envoy was told that there is none: it did not wait its 15 s for an answer.
      const stats = await fetch(
        `http://127.0.0.1:${mesh.admin.gateway}/stats?filter=sds.kubernetes.*late-tls.init_fetch_timeout`,
      );
      assert.match(await stats.text(), /init_fetch_timeout: 0\n$/);
      await assert.rejects(https(mesh));
      putCredential(mesh.files.credentials, { namespace: at, name: 'late-tls', pair: mesh.certificates.server });
      await untilServed(mesh);
    },
  },
  {
    name: 'tls.credentialName of another namespace is not served',
    proves: [`${tls}.credentialName`],
    later: secure({ mode: 'SIMPLE', credentialName: 'foreign-tls' }),
    run: async (mesh, later) => {
      putCredential(mesh.files.credentials, { namespace: 'shop', name: 'foreign-tls', pair: mesh.certificates.server });
      const applied = mesh.apply(...later);
      applied.catch(() => {});
      await assert.rejects(https(mesh));
      putCredential(mesh.files.credentials, { namespace: at, name: 'foreign-tls', pair: mesh.certificates.server });
      await applied;
      await untilServed(mesh);
    },
  },
  {
    name: 'tls.credentialNames: several certificates, chosen by SNI',
    proves: [`${tls}.credentialNames`],
    later: secure({ mode: 'SIMPLE', credentialNames: ['one-tls', 'two-tls'] }),
    run: async (mesh, later) => {
      const { authority } = mesh.certificates;
      const one = await authority.issue('one', ['one.example.com']);
      const two = await authority.issue('two', ['two.example.com']);
      putCredential(mesh.files.credentials, { namespace: at, name: 'one-tls', pair: one });
      putCredential(mesh.files.credentials, { namespace: at, name: 'two-tls', pair: two });
      await mesh.apply(...later);
      await untilServed(mesh, {}, 'one.example.com');
      assert.equal(await shownSerial(mesh, 'one.example.com'), serialOf(one));
      assert.equal(await shownSerial(mesh, 'two.example.com'), serialOf(two));
    },
  },
  {
    name: 'tls.mode MUTUAL with credentialName: clients are checked against NAME-cacert',
    proves: [`${tls}.credentialName`, `${tls}.mode`],
    resources: secure({ mode: 'MUTUAL', credentialName: 'mutual-tls' }),
    run: async (mesh) => {
      const { client, strangeClient } = mesh.certificates;
      await untilServed(mesh, clientOf(client));
      await assert.rejects(https(mesh), 'without a certificate');
      await assert.rejects(https(mesh, clientOf(strangeClient)), 'of another authority');
    },
  },
  {
    name: 'tls.mode MUTUAL with credentialName and no authorities anywhere: nobody gets in',
    proves: [`${tls}.credentialName`, `${tls}.mode`],
    later: (place) => [...secure({ mode: 'MUTUAL', credentialName: 'bare-tls' })(place), ...besides(place)],
    run: async (mesh, later) => {
      putCredential(mesh.files.credentials, { namespace: at, name: 'bare-tls', pair: mesh.certificates.server });
      await mesh.apply(...later);
      await untilServed(mesh, {}, 'beside.example.com');
      await assert.rejects(https(mesh), 'without a certificate');
      await assert.rejects(https(mesh, clientOf(mesh.certificates.client)), 'with one');
    },
  },
  {
    name: 'tls.mode MUTUAL with credentialName: ca.crt and ca.crl beside the certificate',
    proves: [`${tls}.credentialName`, `${tls}.mode`],
    resources: secure({ mode: 'MUTUAL', credentialName: 'whole-tls' }),
    run: async (mesh) => {
      const { client, revokedClient } = mesh.certificates;
      await untilServed(mesh, clientOf(client));
      await assert.rejects(https(mesh), 'without a certificate');
      await assert.rejects(https(mesh, clientOf(revokedClient)), 'revoked');
    },
  },
  {
    name: 'tls.mode OPTIONAL_MUTUAL with credentialName: none is needed, a wrong one is refused',
    proves: [`${tls}.credentialName`, `${tls}.mode`],
    resources: secure({ mode: 'OPTIONAL_MUTUAL', credentialName: 'mutual-tls' }),
    run: async (mesh) => {
      const { client, strangeClient } = mesh.certificates;
      await untilServed(mesh);
      assert.equal(await https(mesh, clientOf(client)), 200);
      await assert.rejects(https(mesh, clientOf(strangeClient)), 'of another authority');
    },
  },
  {
    name: 'tls.caCertCredentialName: the authorities of another Secret',
    proves: [`${tls}.caCertCredentialName`],
    resources: secure({ mode: 'MUTUAL', credentialName: 'mutual-tls', caCertCredentialName: 'other-ca' }),
    run: async (mesh) => {
      const { client, strangeClient } = mesh.certificates;
      await untilServed(mesh, clientOf(strangeClient));
      await assert.rejects(https(mesh, clientOf(client)), 'of the authority that mutual-tls-cacert has');
    },
  },
  {
    name: 'DestinationRule tls.credentialName at a gateway: MUTUAL shows the Secret’s certificate',
    proves: ['DestinationRule.trafficPolicy.tls.credentialName', 'DestinationRule.trafficPolicy.tls.mode'],
    resources: originating('trafficPolicy', { mode: 'MUTUAL', credentialName: 'client-tls', sni: 'api.example.com' }),
    run: (mesh) => seesClient(mesh, '/host'),
  },
  {
    name: 'DestinationRule tls.credentialName of a port, at a gateway',
    proves: ['DestinationRule.trafficPolicy.portLevelSettings.tls.credentialName'],
    resources: originating('port', { mode: 'MUTUAL', credentialName: 'client-tls', sni: 'api.example.com' }),
    run: (mesh) => seesClient(mesh, '/host'),
  },
  {
    name: 'DestinationRule tls.credentialName of a subset, at a gateway',
    proves: ['DestinationRule.subsets.trafficPolicy.tls.credentialName'],
    resources: originating('subset', { mode: 'MUTUAL', credentialName: 'client-tls', sni: 'api.example.com' }),
    run: (mesh) => seesClient(mesh, '/subset'),
  },
  {
    name: 'DestinationRule tls.credentialName of a subset’s port, at a gateway',
    proves: ['DestinationRule.subsets.trafficPolicy.portLevelSettings.tls.credentialName'],
    resources: originating('subset port', { mode: 'MUTUAL', credentialName: 'client-tls', sni: 'api.example.com' }),
    run: (mesh) => seesClient(mesh, '/subset'),
  },
  {
    name: 'DestinationRule tls.credentialName at a sidecar: with a workloadSelector, from its own namespace',
    proves: ['DestinationRule.trafficPolicy.tls.credentialName'],
    resources: () => [
      destinationRule('echo', {
        host: 'echo',
        workloadSelector: { matchLabels: { app: 'client' } },
        trafficPolicy: { tls: { mode: 'MUTUAL', credentialName: 'client-tls', sni: 'api.example.com' } },
      }),
    ],
    run: async (mesh) => {
      const ask = () => mesh.get('/', { port: mesh.ports.originate });
      await waitFor(async () => (await ask()).status === 200, { what: 'the credential', everyMs: 20, limitMs: 20_000 });
      assert.equal((await ask()).echo.tls?.client, 'sidecar client');
    },
  },
];

/** `echo` over TLS behind the gateway, with the settings at one level of its rule. */
function originating(level: string, settings: ClientTLSSettings): (place: Place) => Manifest[] {
  return ({ ports }) => {
    const policy = level.endsWith('port')
      ? { portLevelSettings: [{ port: { number: ports.originate }, tls: settings }] }
      : { tls: settings };
    const isSubset = level.startsWith('subset');
    const destination = { host: 'echo', port: { number: ports.originate } };
    return [
      destinationRule('echo', {
        host: 'echo',
        ...(!isSubset && { trafficPolicy: policy }),
        subsets: [{ name: 'all', ...(isSubset && { trafficPolicy: policy }) }],
      }),
      virtualService('web', {
        hosts: [host],
        gateways: ['base'],
        http: [
          { match: [{ uri: { prefix: '/subset' } }], route: [{ destination: { ...destination, subset: 'all' } }] },
          { route: [{ destination }] },
        ],
      }),
    ];
  };
}

async function seesClient(mesh: CaseMesh, path: string): Promise<void> {
  await waitFor(async () => (await mesh.ingress(path)).status === 200, {
    what: 'the credential',
    everyMs: 20,
    limitMs: 20_000,
  });
  const { echo } = await mesh.ingress(path);
  assert.deepEqual([echo.tls?.client, echo.tls?.sni], ['test client', 'api.example.com']);
}
