import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readYaml } from '../mesh/config/yaml-source.ts';
import { processConfigOf, type ServeFlags } from './config.ts';

interface Port {
  readonly name: string;
  readonly containerPort: number;
}
interface Deployment {
  readonly kind: string;
  readonly spec: {
    readonly template: { readonly spec: { readonly containers: readonly { args: string[]; ports: Port[] }[] } };
    readonly ports: readonly { readonly port: number; readonly targetPort: string }[];
  };
}

const text = readFileSync(new URL('../deploy/kubernetes/control-plane.yaml', import.meta.url), 'utf8');
const manifests = readYaml(text, {}).documents.map(({ value }) => value as Deployment);
const [container] = manifests.find(({ kind }) => kind === 'Deployment')?.spec.template.spec.containers ?? [];

/** `--kube-context=x` as commander gives it. */
function flagsOf(args: readonly string[]): ServeFlags {
  const entries = args.map((arg) => {
    const [, name = '', value = ''] = /^--([a-z-]+)=(.*)$/.exec(arg) ?? [];
    const camel = name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
    return [camel, name.endsWith('-port') ? Number(value) : value];
  });
  return Object.fromEntries(entries) as ServeFlags;
}

describe('deploy/kubernetes/control-plane.yaml', () => {
  const [command, ...args] = container?.args ?? [];
  const config = processConfigOf(flagsOf(args), { name: 'periplus', workingDirectory: '/' });

  it('runs the roles of a cluster, and keeps the admin API to the pod', () => {
    expect(command).toBe('serve');
    expect([...config.roles]).toEqual(['pilot', 'adapters', 'citadel']);
    expect(config.kubernetes).toMatchObject([{ kubeconfig: undefined, readsConfig: true, writesStatus: true }]);
    expect(config).toMatchObject({ host: '0.0.0.0', dataDirectory: '/var/lib/periplus' });
    expect(config.admin.host).toBe('127.0.0.1');
  });

  it('opens the ports that it listens on, and no others', () => {
    const opened = new Map(container?.ports.map(({ name, containerPort }) => [name, containerPort]));
    expect(Object.fromEntries(opened)).toEqual({
      'tls-xds': config.xds?.mtls?.port,
      'grpc-citadel': config.citadel?.port,
      'http-monitoring': config.monitoringPort,
    });
    const service = manifests.find(({ kind }) => kind === 'Service');
    for (const { port, targetPort } of service?.spec.ports ?? []) expect(opened.get(targetPort)).toBe(port);
  });
});
