// The part of a process's configuration that says which Docker engines it reads.
import { join, resolve } from 'node:path';
import { type DockerAccess, defaultDockerAddress, dockerPlace } from '../adapters/docker/client.ts';
import { type DockerMapping, defaultMapping } from '../adapters/docker/container-labels.ts';
import { MeshError } from '../lib/mesh-error.ts';

/** One engine. */
export interface DockerEngineConfig {
  readonly access: DockerAccess;
  readonly instance: string;
  readonly clusterId?: string;
  readonly mapping: DockerMapping;
  readonly hostAddress?: string;
}

/** Flags about Docker; addresses and files may come from the variables that Docker's own command line reads. */
export interface DockerFlags {
  /** True: $DOCKER_HOST, else the engine of this machine. */
  readonly docker?: boolean | readonly string[];
  readonly dockerHostname?: string;
  readonly dockerHostAddress?: string;
  readonly dockerCertPath?: string;
}

/** The engines that `flags` mean; `wanted`: this process has the role adapters. Throws MeshError `usage`. */
export function dockerEnginesOf(
  flags: DockerFlags,
  {
    workingDirectory,
    wanted,
    env,
  }: { readonly workingDirectory: string; readonly wanted: boolean; readonly env: NodeJS.ProcessEnv },
): readonly DockerEngineConfig[] {
  if (flags.docker === undefined || flags.docker === false) {
    const other = Object.keys(flags).find((flag) => flag.startsWith('docker') && flag !== 'docker');
    if (other !== undefined) throw new MeshError('usage', 'the flags about Docker need --docker');
    return [];
  }
  if (!wanted) throw new MeshError('usage', '--docker is read by the role adapters: add it to --roles');
  const addresses = flags.docker === true ? [env.DOCKER_HOST || defaultDockerAddress] : flags.docker;
  const hostname = flags.dockerHostname ?? defaultMapping.hostname;
  if (!/\bNAME\b/.test(hostname))
    throw new MeshError('usage', `--docker-hostname "${hostname}" has no NAME: give e.g. NAME.PROJECT.docker`);
  if (new Set(addresses).size < addresses.length) throw new MeshError('usage', '--docker: one engine is given twice');
  if (flags.dockerHostAddress !== undefined && addresses.length > 1)
    throw new MeshError('usage', '--docker-host-address is of one engine: read the others from processes of their own');
  const certPath = flags.dockerCertPath ?? (env.DOCKER_TLS_VERIFY ? env.DOCKER_CERT_PATH : undefined);
  const file = (name: string) => join(resolve(workingDirectory, certPath ?? ''), name);
  const tls = certPath && { caFile: file('ca.pem'), certFile: file('cert.pem'), keyFile: file('key.pem') };
  return addresses.map((address) => {
    dockerPlace(address);
    const instance = address === defaultDockerAddress ? 'default' : instanceOf(address);
    return {
      access: { address, ...(tls && { tls }) },
      instance,
      ...(instance !== 'default' && { clusterId: instance }),
      mapping: { hostname },
      ...(flags.dockerHostAddress !== undefined && { hostAddress: flags.dockerHostAddress }),
    };
  });
}

/** `tcp://10.0.0.7:2376` → `10.0.0.7-2376`: a name that subjects of events can hold. */
function instanceOf(address: string): string {
  return address
    .replace(/^[a-z]+:\/\//, '')
    .replace(/[^A-Za-z0-9.]+/g, '-')
    .replace(/^-|-$/g, '');
}
