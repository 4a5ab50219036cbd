// Applies the resources of cases, waits until every proxy has them, and removes them again; knows what proxies refuse.
import { progressOfStreams } from '../../services/pilot/admin/stream-progress.ts';
import { waitFor } from '../support/wait-for.ts';
import type { startControlPlane } from './mesh-parts.ts';
import type { Manifest } from './resources.ts';

/** One mesh's configuration in the hands of one test at a time. */
export class ConfigSession {
  readonly #controlPlane: Awaited<ReturnType<typeof startControlPlane>>;
  /** `http://HOST:PORT` of each proxy's admin interface. */
  readonly #adminUrls: readonly string[];
  readonly #kept: readonly string[];
  readonly #applied = new Map<string, Manifest>();

  /** `kept`: what stays applied from case to case. */
  constructor(options: {
    readonly controlPlane: Awaited<ReturnType<typeof startControlPlane>>;
    readonly adminUrls: readonly string[];
    readonly kept?: readonly Manifest[];
  }) {
    this.#controlPlane = options.controlPlane;
    this.#adminUrls = options.adminUrls;
    this.#kept = (options.kept ?? []).map(keyOf);
  }

  /** Runs `use` with `resources` applied and removes what was applied, whatever came of it. What a proxy rejected fails it. */
  async run(resources: readonly Manifest[], use: () => Promise<void>): Promise<void> {
    try {
      if (resources.length > 0) await this.apply(...resources);
      await use();
    } catch (error) {
      const rejections = this.rejections();
      if (rejections.length > 0) throw new Error(`a proxy rejected: ${rejections.join('; ')}`, { cause: error });
      throw error;
    } finally {
      for (const key of this.#kept) this.#applied.delete(key);
      await this.remove(...this.#applied.values());
    }
    const rejections = this.rejections();
    if (rejections.length > 0) throw new Error(`a proxy rejected: ${rejections.join('; ')}`);
  }

  /** What proxies refuse at the moment. */
  rejections(): string[] {
    const { deliveries } = this.#controlPlane;
    return [...deliveries.state().proxies.values()].flatMap(({ types }) =>
      [...types].flatMap(([type, { rejected }]) => (rejected ? [`${type}: ${rejected.message}`] : [])),
    );
  }

  /** Applies and waits until every proxy has acknowledged. */
  async apply(...resources: readonly Manifest[]): Promise<void> {
    const position = await this.#change('apply', { resources });
    for (const resource of resources) this.#applied.set(keyOf(resource), resource);
    await this.#acknowledged(position);
  }

  /** Deletes and waits likewise. */
  async remove(...resources: readonly Manifest[]): Promise<void> {
    if (resources.length === 0) return;
    const keys = resources.map(({ kind, metadata: { namespace, name } }) => ({
      kind: kind === 'ConfigMap' ? 'MeshConfig' : kind,
      namespace,
      name,
    }));
    const position = await this.#change('delete', { resources: keys });
    for (const resource of resources) this.#applied.delete(keyOf(resource));
    await this.#acknowledged(position);
  }

  async #change(verb: 'apply' | 'delete', body: object): Promise<number> {
    const { app } = this.#controlPlane;
    const response = await app.inject({ method: 'POST', url: `/api/v1/${verb}`, payload: body });
    if (response.statusCode !== 200) throw new Error(`${verb}: ${response.statusCode} ${response.body}`);
    return (response.json() as { position: number }).position;
  }

  /** Every stream has been given the position and has answered, and nothing warms in any proxy. */
  async #acknowledged(position: number): Promise<void> {
    const { pilot } = this.#controlPlane;
    const isDone = () => {
      const streams = progressOfStreams(pilot.streams, pilot);
      const isAt = (pilot.snapshots.value?.position ?? 0) >= position;
      return isAt && streams.every((stream) => stream.settled && stream.position >= position);
    };
    const isWarm = async () => !(await Promise.all(this.#adminUrls.map(isWarming))).includes(true);
    await waitFor(async () => isDone() && (await isWarm()) && isDone(), {
      what: () => `position ${position} to be acknowledged; rejected: ${this.rejections().join('; ') || 'nothing'}`,
      everyMs: 2,
      limitMs: 10_000,
    });
  }
}

async function isWarming(adminUrl: string): Promise<boolean> {
  const response = await fetch(`${adminUrl}/stats?filter=warming`);
  return (await response.text()).split('\n').some((line) => /warming: [1-9]/.test(line));
}

function keyOf({ kind, metadata: { namespace, name } }: Manifest): string {
  return `${kind}/${namespace}/${name}`;
}
