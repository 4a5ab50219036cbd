// What the tests of JetStream logs share: meshes of their own on one server, and what any client may do to them.
import { connect } from '@nats-io/transport-node';
import { MeshError } from '../../lib/mesh-error.ts';
import type { TestNats } from '../../test/support/nats.ts';
import type { Append, EventLog, MeshLogs } from '../event-log.ts';
import { succeeded } from './contract-fixture.ts';
import { type JetStreamOptions, openJetStreamLogs } from './jetstream.ts';

/** One mesh on a server; `nextMesh` turns to an empty one. */
export class JetStreamFixture {
  mesh = 'test-0';
  #meshes = 0;
  readonly #server: TestNats;
  readonly #opened: MeshLogs[] = [];

  constructor(server: TestNats) {
    this.#server = server;
  }

  nextMesh(): void {
    this.mesh = `test-${++this.#meshes}`;
  }

  /** The facts log, as one more client. */
  async open(options: JetStreamOptions = {}): Promise<EventLog> {
    return (await this.openUrl(this.#server.url(this.mesh), options)).facts;
  }

  async openUrl(url: string, options: JetStreamOptions = {}): Promise<MeshLogs> {
    const logs = await openJetStreamLogs(url, options);
    this.#opened.push(logs);
    return logs;
  }

  async closeAll(): Promise<void> {
    for (const logs of this.#opened.splice(0)) await Promise.all([logs.facts.close(), logs.deliveries.close()]);
  }

  /** What any client may ask the server, as `nats` the command line tool does. */
  async request(subject: string, body = ''): Promise<{ readonly success?: boolean }> {
    const connection = await connect({ servers: `127.0.0.1:${this.#server.port}` });
    const answer = await connection.request(subject, body);
    await connection.close();
    return answer.json<{ success?: boolean }>();
  }

  async api(name: string, body?: unknown): Promise<{ readonly success?: boolean }> {
    return await this.request(`$JS.API.${name}`, body === undefined ? '' : JSON.stringify(body));
  }
}

/** As writers do: again and again until it is known to be recorded. */
export async function appendSurely(log: EventLog, batch: readonly Append[]) {
  for (;;) {
    try {
      return succeeded(await log.append(batch));
    } catch (error) {
      if (!(error instanceof MeshError) || error.code !== 'unavailable') throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
