// One end-to-end check: which fields it proves, the resources that set them, and what requests then see.

import type { AgentOptions } from '../../agent/agent-options.ts';
import type { ProxyIdentity } from '../../agent/proxy-node.ts';
import type { CertificateFiles, TestCertificates } from './certificates.ts';
import type { Answer, Call, Http2Answer } from './client.ts';
import type { Echo, EchoServer } from './echo-server.ts';
import type { Manifest } from './resources.ts';

/** A check. Cases are independent: what a case applies is removed when it ends. */
export interface TrafficCase {
  readonly name: string;
  /** Schema paths, as `VirtualService.http.match.uri.prefix`; each must be set in `resources` or `later`. */
  readonly proves: readonly string[];
  /** Applied before `run`, which begins when every proxy has acknowledged them. Pure: it is also read to generate the reference. */
  readonly resources?: (place: Place) => readonly Manifest[];
  /** What `run` is given to apply itself, in its own order. Pure. */
  readonly later?: (place: Place) => readonly Manifest[];
  readonly run: (mesh: CaseMesh, later: readonly Manifest[]) => Promise<void>;
}

/** What the reference reads of a case, whatever mesh it runs on: its claims, and resources that bear them out. */
export interface Claim {
  readonly name: string;
  readonly proves: readonly string[];
  readonly manifests: readonly Manifest[];
}

/** Addresses and files that resources name. */
export interface Place {
  readonly ports: Ports;
  readonly instances: Readonly<Record<InstanceName, Instance>>;
  readonly files: CertificateFiles;
}

/** Instances by service: e1, e2, e3 are versions v1 to v3 of `echo`; o1 is `other`, s1 is `echo` in the namespace `shop`, app is the client itself. */
export type InstanceName = 'e1' | 'e2' | 'e3' | 'o1' | 's1' | 'app';

/** Where one listens. */
export type Instance = Pick<EchoServer, 'address' | 'port' | 'tlsPort'>;

/** Ports of the service `echo`, of the gateway, and free ones. */
export interface Ports {
  /** HTTP; `other` and `echo.shop` have it too. */
  readonly http: number;
  /** A second HTTP port of `echo`. */
  readonly alt: number;
  readonly http2: number;
  readonly grpc: number;
  readonly tcp: number;
  /** Protocol TLS, to the instances' TLS port. */
  readonly tls: number;
  /** HTTP, to the instances' TLS port: for clients whose proxy originates TLS. */
  readonly originate: number;
  /** Protocol not declared. */
  readonly auto: number;
  /** HTTP port of the service `client`, whose only instance is the application behind the sidecar. */
  readonly client: number;
  /** Plain HTTP on the gateway for every host: the Gateway `default/base`. */
  readonly gateway: number;
  /** For listeners of one case. */
  readonly spare: readonly [number, number, number, number, number, number];
}

/** An agent that a case started. */
export interface JoinedAgent {
  stop(): Promise<void>;
  /** Its Envoy's statistics of this name, as text. */
  stats(name: string): Promise<string>;
}

/** The running mesh, as cases use it. */
export interface CaseMesh extends Place {
  readonly certificates: TestCertificates;
  readonly servers: Readonly<Record<InstanceName, EchoServer>>;
  /** Where a case starts upstreams of its own, on the last spare port. */
  readonly silentAddress: string;
  /** Admin ports of the Envoys. */
  readonly admin: { readonly sidecar: number; readonly gateway: number };
  /** Sends to the sidecar's HTTP port; Host is `echo` unless told otherwise. */
  get(path: string, call?: Partial<Call>): Promise<Answer>;
  /** The same over HTTP/2. */
  getHttp2(path: string, call?: Partial<Call>): Promise<Http2Answer>;
  /** Sends to the gateway's plain HTTP port; Host is `web.example.com` unless told otherwise. */
  ingress(path: string, call?: Partial<Call>): Promise<Answer>;
  /** Instance names of `count` answers, counted; at most 20 requests at a time. */
  tally(count: number, path: string, call?: Partial<Call>): Promise<Readonly<Record<string, number>>>;
  /** Starts a further proxy; resolves when it is connected. The case stops it. */
  join(identity: ProxyIdentity): Promise<{ stop(): Promise<void> }>;
  /** Starts a further proxy with an agent of its own; resolves when its Envoy is ready. The case stops it. */
  joinAgent(identity: ProxyIdentity, more?: Partial<AgentOptions>): Promise<JoinedAgent>;
  /** Requests with this `x-key` that have arrived anywhere. */
  seen(key: string): readonly Echo[];
  /** A key that no other request has. */
  newKey(): string;
  /** Applies and waits until every proxy has acknowledged. */
  apply(...resources: readonly Manifest[]): Promise<void>;
  /** Deletes and waits likewise. */
  remove(...resources: readonly Manifest[]): Promise<void>;
}
