// The mesh of cases about identities: a caller and servers whose agents have SVIDs of a Citadel, with mutual TLS between their sidecars.
import { createServer, type Server } from 'node:http';
import { type ConnectionOptions, connect } from 'node:tls';
import type { ProxyIdentity } from '../../../agent/proxy-node.ts';
import { freePorts } from '../../support/free-port.ts';
import { inboundAddress, MtlsMesh, outboundAddress, servicePort, workloadYaml } from '../../support/mtls-mesh.ts';
import { waitFor } from '../../support/wait-for.ts';
import type { TrafficCase } from '../case.ts';
import { send } from '../client.ts';
import type { Manifest } from '../resources.ts';

/** A case in which it counts who a workload is. */
export interface IdentityCase extends Pick<TrafficCase, 'name' | 'proves'> {
  readonly resources?: (place: IdentityPlace) => readonly Manifest[];
  readonly later?: (place: IdentityPlace) => readonly Manifest[];
  readonly run: (mesh: IdentityMesh, later: readonly Manifest[]) => Promise<void>;
}

/** What resources name. */
export interface IdentityPlace {
  /** Where the sidecars of `id-web` and of the workloads that register themselves take requests. */
  readonly addresses: Readonly<Record<'web' | 'vm' | 'stranger', string>>;
  /** Port of all services. */
  readonly port: number;
}

const names = { web: 'id-web', vm: 'id-vm', stranger: 'id-stranger' } as const;
const caller = { name: 'id-caller' };

/** SPIFFE ID of who calls. */
export const callerId = `spiffe://cluster.local/ns/default/sa/${caller.name}`;

/** A service of the mesh that resources leave alone: `id-web`. */
export const webHost = names.web;

/** See the file's first line. */
export class IdentityMesh implements IdentityPlace {
  readonly addresses = {
    web: inboundAddress(names.web),
    vm: inboundAddress(names.vm),
    stranger: inboundAddress(names.stranger),
  };
  readonly port = servicePort;
  readonly #mesh: MtlsMesh;
  readonly #app: Server;
  #svid: ReturnType<MtlsMesh['svid']> | undefined;
  readonly #applied = new Map<string, Manifest>();

  private constructor(mesh: MtlsMesh, app: Server) {
    this.#mesh = mesh;
    this.#app = app;
  }

  static async start(): Promise<IdentityMesh> {
    const [appPort = 0] = await freePorts(1);
    // Says who called, as the server's sidecar tells it.
    const app = createServer((request, response) => {
      const client = /URI=([^;]*)/.exec(String(request.headers['x-forwarded-client-cert']))?.[1];
      response.end(client ?? 'plaintext');
    }).listen(appPort, '127.0.0.1');
    const web = { name: names.web, appPort };
    const files = [web, caller].map((one) => [`${one.name}.yaml`, workloadYaml(one)] as const);
    // Of these the platform knows nothing: they have a Sidecar alone.
    const unknown = [names.vm, names.stranger].map((name) => {
      const sidecar = workloadYaml({ name, appPort }).split('\n---\n')[2] ?? '';
      return [`${name}.yaml`, sidecar] as const;
    });
    const mesh = await MtlsMesh.start(Object.fromEntries([...files, ...unknown]));
    await Promise.all([mesh.startAgent(web), mesh.startAgent(caller)]);
    return new IdentityMesh(mesh, app);
  }

  /** Runs a case with its resources applied, and removes what it has applied. */
  async runCase(one: IdentityCase): Promise<void> {
    try {
      await this.apply(...(one.resources?.(this) ?? []));
      await one.run(this, one.later?.(this) ?? []);
    } finally {
      const resources = [...this.#applied.values()].map(({ kind, metadata: { namespace, name } }) => ({
        kind: kind === 'ConfigMap' ? 'MeshConfig' : kind,
        namespace,
        name,
      }));
      this.#applied.clear();
      if (resources.length > 0) await this.#change('delete', resources);
    }
  }

  async apply(...resources: readonly Manifest[]): Promise<void> {
    if (resources.length === 0) return;
    await this.#change('apply', resources);
    for (const one of resources) this.#applied.set(`${one.kind}/${one.metadata.name}`, one);
  }

  /** Starts the agent of a workload that asks to be registered by the WorkloadGroup `group`. */
  async register(workload: 'vm' | 'stranger', group: string): Promise<void> {
    const name = names[workload];
    const identity: ProxyIdentity = {
      addresses: [this.addresses[workload]],
      name,
      namespace: 'default',
      labels: { app: name },
      serviceAccount: name,
      metadata: { AUTO_REGISTER_GROUP: group },
    };
    await this.#mesh.startAgent({ name }, { identity });
  }

  /** Waits until the caller's requests to `host` are answered so: `STATUS` or `STATUS BODY`. */
  async answers(host: string, expected: string): Promise<void> {
    let last = '';
    const isExpected = async () => {
      const { status, body } = await send('/', { address: outboundAddress(caller.name), port: servicePort, host });
      last = `${status} ${body}`;
      return last === expected || String(status) === expected;
    };
    await waitFor(isExpected, { what: () => `${host}: ${expected}, last ${last}`, limitMs: 20_000 });
  }

  /** What a workload of the mesh that offers `offer` and the server's sidecar agree on: `PROTOCOL CIPHER`; `none` where they do not. */
  async handshake(offer: Pick<ConnectionOptions, 'maxVersion' | 'ciphers'>): Promise<string> {
    const {
      certificateChain: cert,
      privateKey: key,
      roots: ca,
    } = await (this.#svid ??= this.#mesh.svid('default', caller.name));
    const to = { host: this.addresses.web, port: this.port, ALPNProtocols: ['istio'] };
    return await new Promise((resolve) => {
      const socket = connect({ ...to, cert, key, ca, checkServerIdentity: () => undefined, ...offer }, () => {
        resolve(`${socket.getProtocol()} ${socket.getCipher().name}`);
        socket.destroy();
      });
      socket.on('error', () => resolve('none'));
    });
  }

  async stop(): Promise<void> {
    await this.#mesh.dispose();
    this.#app.close();
  }

  async #change(verb: 'apply' | 'delete', resources: readonly object[]): Promise<void> {
    const response = await fetch(`${this.#mesh.adminUrl}/api/v1/${verb}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ resources }),
    });
    if (!response.ok) throw new Error(`${verb}: ${response.status} ${await response.text()}`);
  }
}
