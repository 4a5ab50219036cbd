// Finds out whether ports are free before anything is started, so that the message can say which flag to change.
import { createServer } from 'node:net';
import { MeshError } from '../lib/mesh-error.ts';

/** A port that the process is about to open. */
export interface WantedPort {
  readonly host: string;
  readonly port: number;
  /** For people: `the admin API`. */
  readonly purpose: string;
  /** The flag that changes it. */
  readonly flag: string;
}

/** Throws MeshError `conflict` naming every wanted port that is taken and the flag that changes it. Port 0 is always free. */
export async function assertPortsFree(wanted: readonly WantedPort[]): Promise<void> {
  const problems: string[] = [];
  for (const { host, port, purpose, flag } of wanted) {
    const problem = port === 0 ? undefined : await tryPort(host, port);
    if (problem !== undefined)
      problems.push(`port ${port} on ${host} for ${purpose} ${problem}; choose another with ${flag}`);
  }
  if (problems.length === 0) return;
  const who = 'perhaps another Periplus is running ("periplus version" asks it); "ss -ltnp" names the program';
  throw new MeshError('conflict', `${problems.join('\n  ')}\n  ${who}`);
}

function tryPort(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve('is taken');
      else if (error.code === 'EACCES') resolve('may not be opened by this user');
      else if (error.code === 'EADDRNOTAVAIL') resolve("can't be opened: this machine does not have that address");
      else resolve(`can't be opened: ${error.message}`);
    });
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}
