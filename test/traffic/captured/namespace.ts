// A network namespace with a link to this machine: where a test captures traffic with iptables as a pod's would be.
import { spawnSync } from 'node:child_process';
import { root } from '../../support/periplus.ts';

/** A namespace that is ready, its traffic captured. */
export interface CapturedNamespace {
  /** Begins the command line of a program inside. */
  readonly wrap: readonly string[];
  /** First three numbers of its network: `.1` is this machine, `.2` the namespace, `.11` to `.19` more addresses of this machine. */
  readonly prefix: string;
  /** Drops all that comes in from an address and port; the answer ends that. */
  deafTo(address: string, port: number): () => void;
  remove(): void;
}

/** Addresses of this machine beyond `.1`. */
const hostAddresses = [11, 12, 13, 14, 15, 16, 17, 18, 19];

/** The group whose traffic is the proxy's own (Istio's 1337). */
export const proxyGroup = 1337;

/** Makes one, with `periplus intercept` run in it; or says why this machine does not let us. */
export function makeNamespace(): CapturedNamespace | { readonly why: string } {
  if (process.getuid?.() !== 0) return { why: 'capturing traffic needs root' };
  const number = 1 + (process.pid % 250);
  const name = `periplus-${process.pid}`;
  const link = `pp${process.pid}`;
  const prefix = `10.231.${number}`;
  const wrap = ['ip', 'netns', 'exec', name];
  const remove = () => {
    spawnSync('ip', ['netns', 'delete', name]);
    spawnSync('ip', ['link', 'delete', link]);
  };
  const commands = [
    ['ip', 'netns', 'add', name],
    ['ip', 'link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name],
    ['ip', 'address', 'add', `${prefix}.1/24`, 'dev', link],
    ...hostAddresses.map((host) => ['ip', 'address', 'add', `${prefix}.${host}/32`, 'dev', link]),
    ['ip', 'link', 'set', link, 'up'],
    [...wrap, 'ip', 'address', 'add', `${prefix}.2/24`, 'dev', 'eth0'],
    [...wrap, 'ip', 'link', 'set', 'lo', 'up'],
    [...wrap, 'ip', 'link', 'set', 'eth0', 'up'],
    [...wrap, 'ip', 'route', 'add', 'default', 'via', `${prefix}.1`],
    [...wrap, process.execPath, 'cli/main.ts', 'intercept', '--proxy-uid', String(proxyGroup)],
  ];
  for (const [program = '', ...args] of commands) {
    const run = spawnSync(program, args, { encoding: 'utf8', cwd: root });
    if (run.status === 0) continue;
    remove();
    return { why: `${program} ${args.join(' ')}: ${run.error?.message ?? run.stderr.trim()}` };
  }
  const deafTo = (address: string, port: number) => {
    const drop = (flag: string) => {
      const rule = ['INPUT', '-s', address, '-p', 'tcp', '--sport', String(port), '-j', 'DROP'];
      const [program = '', ...args] = [...wrap, 'iptables', '-w', flag, ...rule];
      const run = spawnSync(program, args, { encoding: 'utf8' });
      if (run.status !== 0) throw new Error(`iptables ${flag}: ${run.stderr}`);
    };
    drop('-I');
    return () => drop('-D');
  };
  return { wrap, prefix, deafTo, remove };
}
