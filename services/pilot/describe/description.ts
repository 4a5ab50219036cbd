// What `describe` says of a service or a workload: which resources shape its traffic, and why these.
import type { Health, Protocol } from '../../../events/model.ts';
import type { Problem } from '../../../mesh/config/problem.ts';

/** A resource that applies. */
export interface Applied {
  /** `Kind/namespace/name`. */
  readonly resource: string;
  /** What makes it apply, for people. */
  readonly why: string;
}

/** A VirtualService that routes requests for a service. */
export interface DescribedRoutes extends Applied {
  /** `mesh` for sidecars, `namespace/name` of Gateways. */
  readonly gateways: readonly string[];
  /** Its rules in order, a line each. */
  readonly rules: readonly string[];
  /** The older resource that has the host on all of its gateways: this one has no effect. */
  readonly shadowedBy?: string;
}

/** A certificate that a Gateway's server names, by what everybody may know of it. */
export interface DescribedCredential {
  /** `NAMESPACE/NAME`. */
  readonly name: string;
  /** SHA-256 of its DER, hex. */
  readonly fingerprint?: string;
  /** RFC 3339. */
  readonly notAfter?: string;
  readonly problem?: string;
}

/** A Gateway's server that has hosts of a VirtualService. */
export interface DescribedServer {
  readonly port: number;
  readonly protocol: string;
  readonly hosts: readonly string[];
  readonly tls?: string;
  readonly httpsRedirect?: boolean;
  readonly credentials: readonly DescribedCredential[];
}

/** A Gateway by which a service is reached from outside. */
export interface DescribedExposure extends Applied {
  readonly servers: readonly DescribedServer[];
  /** Node ids of the connected proxies that it selects. */
  readonly proxies: readonly string[];
}

/** The last event about a resource. */
export interface LastChange {
  readonly resource: string;
  /** In the facts log. */
  readonly position: number;
  /** RFC 3339. */
  readonly time: string;
  readonly actor: string;
}

/** The newest certificate of a workload's identity. */
export interface DescribedCertificate {
  readonly spiffeId: string;
  /** Hex. */
  readonly serial: string;
  /** RFC 3339. */
  readonly notAfter: string;
  /** Of the event that says so. */
  readonly position: number;
}

/** A subset and who is in it. */
export interface DescribedSubset {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly endpoints: number;
  readonly healthy: number;
  /** What its own settings are, a line each. */
  readonly policy: readonly string[];
}

/** The DestinationRule that clients of a namespace follow. */
export interface DescribedRule extends Applied {
  /** Further resources that were merged into it. */
  readonly merged: readonly string[];
  readonly policy: readonly string[];
  readonly subsets: readonly DescribedSubset[];
}

/** One instance of a service. */
export interface DescribedEndpoint {
  readonly address: string;
  readonly ports: Readonly<Record<string, number>>;
  readonly health: Health;
  readonly workload?: string;
  /** Names of the subsets that it is in. */
  readonly subsets: readonly string[];
  /** Node id of the proxy at its address; absent: none is connected. */
  readonly proxy?: string;
}

/** See the file's first line. */
export interface ServiceDescription {
  readonly kind: 'service';
  readonly hostname: string;
  readonly name: string;
  readonly namespace: string;
  readonly platform: string;
  readonly resolution: string;
  readonly addresses: readonly string[];
  readonly ports: readonly {
    readonly name: string;
    readonly port: number;
    readonly protocol: Protocol;
    readonly targetPort?: number | string;
  }[];
  /** Namespace whose clients are described. */
  readonly from: string;
  /** Whether they see the service at all. */
  readonly visible: boolean;
  readonly endpoints: readonly DescribedEndpoint[];
  readonly routes: readonly DescribedRoutes[];
  /** By which Gateways its routes are reached. */
  readonly exposures: readonly DescribedExposure[];
  readonly rule?: DescribedRule;
  /** Modes of the workloads behind it, each once: STRICT, PERMISSIVE, DISABLE. */
  readonly mutualTls: readonly string[];
  readonly policies: readonly Applied[];
  /** What `analyze` finds in the resources above. */
  readonly findings: readonly Problem[];
  /** Since when those resources are as they are, and by whom. */
  readonly changes?: readonly LastChange[];
}

/** A proxy as it is connected. */
export interface DescribedProxy {
  readonly id: string;
  readonly connected: boolean;
  /** `CDS SYNCED`, a line each type. */
  readonly status: readonly string[];
}

/** What a probe said, and since when. */
export interface ReportedHealth {
  readonly proxyId: string;
  readonly health: Health;
  /** '' when healthy. */
  readonly reason: string;
  readonly position: number;
  readonly time: string;
}

/** See the file's first line. */
export interface WorkloadDescription {
  readonly kind: 'workload';
  readonly name: string;
  readonly namespace: string;
  readonly platform: string;
  readonly addresses: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly serviceAccount?: string;
  readonly proxies: readonly DescribedProxy[];
  readonly services: readonly ServiceDescription[];
  /** The Sidecar that its proxy follows. */
  readonly sidecar?: Applied;
  readonly envoyFilters: readonly Applied[];
  /** Patches that are left out. */
  readonly envoyFilterProblems: readonly string[];
  /** ProxyConfigs are read as a proxy starts. */
  readonly proxyConfigs: readonly Applied[];
  readonly mutualTls: { readonly mode: string; readonly ports: Readonly<Record<string, string>> };
  readonly policies: readonly Applied[];
  /** SPIFFE ID of its proxy; absent: none with an identity is connected. */
  readonly spiffeId?: string;
  /** The newest certificate that this mesh's Citadel issued for it. */
  readonly certificate?: DescribedCertificate;
  /** What its agents' probes last said; none: nobody probes it. */
  readonly health?: readonly ReportedHealth[];
  /** Since when the resources above are as they are, and by whom. */
  readonly changes?: readonly LastChange[];
}
