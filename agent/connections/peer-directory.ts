// Which workload is at an address: from the endpoints that the proxy itself was given, read when somebody unknown connects.
import type { Clock } from '../../lib/clock.ts';
import { parseFacts, unknown, type WorkloadFacts } from '../../mesh/telemetry/workload-facts.ts';

/** An address may have gone to another workload since: what is known is read again after so long. */
const freshMs = 60_000;
/** Strangers who are in no endpoint must not have the endpoints read for each of them. */
const leastBetweenMs = 10_000;

/** See the file's first line. */
export class PeerDirectory {
  readonly #endpoints: () => Promise<unknown>;
  readonly #clock: Clock;
  #known: ReadonlyMap<string, WorkloadFacts> = new Map();
  #readMs = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;

  /** `endpoints`: Envoy's dump of its ClusterLoadAssignments (`EnvoyAdmin.endpointDump`). */
  constructor(options: { readonly endpoints: () => Promise<unknown>; readonly clock: Clock }) {
    this.#endpoints = options.endpoints;
    this.#clock = options.clock;
  }

  /** The workload at an IP address; undefined: none that the proxy was told of, or several. Never rejects. */
  async find(address: string): Promise<WorkloadFacts | undefined> {
    const ageMs = this.#clock.nowMs() - this.#readMs;
    if (ageMs > freshMs || (ageMs > leastBetweenMs && !this.#known.has(address))) await this.#read();
    return this.#known.get(address);
  }

  #read(): Promise<void> {
    this.#reading ??= this.#endpoints()
      .then(
        (dump) => {
          this.#known = workloadsIn(dump);
        },
        // Envoy is starting or stopping: what was known still is.
        () => {},
      )
      .finally(() => {
        this.#readMs = this.#clock.nowMs();
        this.#reading = undefined;
      });
    return this.#reading;
  }
}

/** The workloads of a dump by address, without those that share one. Whatever is not as expected is passed over. */
export function workloadsIn(dump: unknown): ReadonlyMap<string, WorkloadFacts> {
  const texts = new Map<string, string>();
  for (const config of listAt(dump, 'configs'))
    for (const locality of listAt(at(config, 'endpoint_config'), 'endpoints'))
      for (const host of listAt(locality, 'lb_endpoints')) {
        const address = at(host, 'endpoint', 'address', 'socket_address', 'address');
        const workload = at(host, 'metadata', 'filter_metadata', 'istio', 'workload');
        const app = at(host, 'metadata', 'filter_metadata', 'periplus', 'app');
        if (typeof address !== 'string' || typeof workload !== 'string') continue;
        const text = `${workload}~${typeof app === 'string' ? app : ''}`;
        texts.set(address, texts.has(address) && texts.get(address) !== text ? ambiguous : text);
      }
  const known = [...texts].map(([address, text]) => {
    const [workload = '', app = ''] = text.split('~');
    return [address, parseFacts(workload, app)] as const;
  });
  return new Map(known.filter(([, facts]) => facts.workload !== unknown));
}

const ambiguous = '';

function at(value: unknown, ...path: readonly string[]): unknown {
  let here = value;
  for (const name of path) {
    if (typeof here !== 'object' || here === null) return undefined;
    here = (here as Readonly<Record<string, unknown>>)[name];
  }
  return here;
}

function listAt(value: unknown, name: string): readonly unknown[] {
  const list = at(value, name);
  return Array.isArray(list) ? list : [];
}
