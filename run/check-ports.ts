// Finds out, before anything is started, whether addresses and ports can be listened on.
import { createServer } from 'node:net';
import type { DemoPort } from './demo-plan.ts';

/** Why the first port that can't be had can't be; undefined when all can. Nothing stays bound. */
export async function findTakenPort(
  ports: readonly DemoPort[],
): Promise<{ readonly port: DemoPort; readonly code: string } | undefined> {
  for (const port of ports) {
    const code = await tryListen(port.host, port.port);
    if (code !== '') return { port, code };
  }
  return undefined;
}

/** '' when it worked, else the system's error code, such as EADDRINUSE. */
function tryListen(host: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    // Not shared: Envoy's sockets may be (SO_REUSEPORT), and two proxies on one port would each get some of the connections.
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve('')));
  });
}
