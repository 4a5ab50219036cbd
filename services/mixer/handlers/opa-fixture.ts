// A fake of an OPA server for tests: its data API as documented (openpolicyagent.org/docs/rest-api), a function instead of Rego.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The fake; `decide` gives the rule's value, undefined for none. */
export class FakeOpa {
  readonly paths: string[] = [];
  readonly inputs: unknown[] = [];
  broken = false;
  readonly #server;

  constructor(decide: (input: unknown) => unknown) {
    this.#server = createServer((request, response) => {
      let body = '';
      request.on('data', (part) => (body += String(part)));
      request.on('end', () => {
        const { input } = JSON.parse(body) as { readonly input: unknown };
        this.paths.push(`${request.method} ${request.url}`);
        this.inputs.push(input);
        if (this.broken) return response.writeHead(500).end('{"code":"internal_error"}');
        return response
          .writeHead(200, { 'content-type': 'application/json' })
          .end(JSON.stringify({ result: decide(input) }));
      });
    });
  }

  /** Resolves with its base URL. */
  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
