// Steers a Nomad (a real one or the stand-in) through its own HTTP API: runs, scales and stops jobs with native services.
import type { NomadJobSpec } from './fake-nomad.ts';

/** What a job of a test is to have. */
export interface TestJob {
  readonly count?: number;
  readonly service?: string;
  readonly tags?: readonly string[];
  readonly meta?: Readonly<Record<string, string>>;
}

/** Jobs in namespace `default`; `remove` ends them all. */
export class NomadJobs {
  readonly #url: string;
  readonly #token: string | undefined;
  readonly #ids = new Set<string>();

  constructor(url: string, token?: string) {
    this.#url = url;
    this.#token = token;
  }

  /** Registers the job: new, or changed. Resolves when Nomad has taken it, not when it runs. */
  async run(id: string, { count = 1, service = id, tags = [], meta = {} }: TestJob = {}): Promise<void> {
    this.#ids.add(id);
    const task = {
      ...{ Name: 'sleep', Driver: process.env.PERIPLUS_NOMAD_DRIVER ?? 'raw_exec' },
      ...{ Config: { command: '/bin/sleep', args: ['3600'] }, Resources: { CPU: 20, MemoryMB: 16 } },
    };
    const group = {
      ...{ Name: 'g', Count: count, Tasks: [task] },
      Networks: [{ DynamicPorts: [{ Label: 'http' }] }],
      Services: [{ Name: service, PortLabel: 'http', Provider: 'nomad', Tags: tags }],
    };
    const job = { ID: id, Name: id, Type: 'service', Datacenters: ['*'], Meta: meta, TaskGroups: [group] };
    await this.#call('PUT', '/v1/jobs', { Job: job satisfies NomadJobSpec });
  }

  /** Stops the job and forgets it. */
  async stop(id: string): Promise<void> {
    this.#ids.delete(id);
    await this.#call('DELETE', `/v1/job/${id}?purge=true`);
  }

  /** Stops one allocation; Nomad places another one. */
  async stopAllocation(id: string): Promise<void> {
    await this.#call('PUT', `/v1/allocation/${id}/stop`, {});
  }

  /** Ends every job that was run here. */
  async remove(): Promise<void> {
    for (const id of this.#ids) await this.stop(id);
  }

  async #call(method: string, path: string, body?: unknown): Promise<void> {
    const response = await fetch(this.#url + path, {
      method,
      headers: this.#token ? { 'x-nomad-token': this.#token } : {},
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(10_000),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  }
}
