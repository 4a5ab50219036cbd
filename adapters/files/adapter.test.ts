import { cp, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MemoryLog } from '../../events/logs/memory.ts';
import { systemClock } from '../../lib/clock.ts';
import { silentLogger } from '../../lib/logger.ts';
import type { Snapshot } from '../../mesh/snapshot.ts';
import { describeAdapterContract, type PlatformFault, snapshotOf } from '../adapter-contract.ts';
import { AdapterRunner } from '../runner.ts';
import { createFilesAdapter } from './adapter.ts';

const timing = { debounceMs: 10, maxDebounceMs: 100, rescanMs: 200 };

const serviceYaml = (name: string) => `apiVersion: v1
kind: Service
metadata: { name: ${name} }
spec: { selector: { app: ${name} }, ports: [{ name: http, port: 80, targetPort: 8080 }] }
`;
const podYaml = (name: string, ip = '10.0.0.1') => `apiVersion: v1
kind: Pod
metadata: { name: ${name}-1, labels: { app: ${name} } }
status: { podIP: ${ip} }
`;
const ruleYaml = (name: string, host: string) => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name} }
spec: { hosts: [${host}], http: [{ route: [{ destination: { host: ${host} } }] }] }
`;

async function openFolder() {
  const root = await mkdtemp(join(tmpdir(), 'periplus-files-'));
  const folder = join(root, 'config');
  await mkdir(folder);
  return {
    root,
    folder,
    write: async (path: string, text: string) => {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), text);
    },
    remove: (path: string) => rm(join(folder, path), { recursive: true }),
    close: () => rm(root, { recursive: true, force: true }),
  };
}

describeAdapterContract('the files adapter', async () => {
  const { root, folder, write, remove, close } = await openFolder();
  let shown = new Set<string>();
  /** What a folder can do; that its loss is held is the suite's doing: who removes a file from a configuration means it. */
  const faults: Partial<Record<PlatformFault, (files: readonly string[]) => Promise<unknown>>> = {
    'lists nothing': (files) => Promise.all(files.map((file) => remove(file))),
    'lists a part': (files) => Promise.all(files.slice(2).map((file) => remove(file))),
    'answers nonsense': (files) => Promise.all(files.map((file) => write(file, 'kind: [\n<<<<<<< HEAD'))),
  };
  return {
    open: () => createFilesAdapter({ folder, timing }),
    show: async (names) => {
      for (const name of names) await write(`${name}.yaml`, `${serviceYaml(name)}---\n${podYaml(name)}`);
      for (const name of shown) if (!names.includes(name)) await remove(`${name}.yaml`);
      shown = new Set(names);
    },
    breakDown: async () => {
      await rm(folder, { recursive: true });
      shown = new Set();
    },
    faults: {
      kinds: Object.keys(faults) as PlatformFault[],
      open: () => createFilesAdapter({ folder, timing }),
      set: async (fault) => {
        const kept = join(root, 'kept');
        if (fault === undefined) await cp(kept, folder, { recursive: true });
        else {
          await cp(folder, kept, { recursive: true });
          await faults[fault]?.([...shown].map((name) => `${name}.yaml`));
        }
      },
    },
    close,
  };
});

describe('the files adapter', { timeout: 20_000 }, () => {
  /** Runs the adapter over a fresh folder; `until` waits for the mesh or the status to be so. */
  async function withAdapter(
    test: (tools: Awaited<ReturnType<typeof openFolder>> & ReturnType<typeof startAdapter>) => Promise<void>,
    prepare: (write: (path: string, text: string) => Promise<void>) => Promise<void> = async () => {},
    log = new MemoryLog(),
  ) {
    const opened = await openFolder();
    await prepare(opened.write);
    const started = startAdapter(opened.folder, log);
    try {
      await started.until(() => started.status()?.state === 'synced');
      await test({ ...opened, ...started });
    } finally {
      await started.stop();
      await opened.close();
    }
  }

  function startAdapter(folder: string, log: MemoryLog) {
    const controller = new AbortController();
    const runner = new AdapterRunner({
      adapter: createFilesAdapter({ folder, timing }),
      log,
      clock: systemClock,
      logger: silentLogger,
    });
    const ended = runner.run(controller.signal).catch(() => {});
    const snapshot = () => snapshotOf(log);
    return {
      log,
      status: () => runner.status.value,
      snapshot,
      until: async (isSo: (snapshot: Snapshot) => boolean) => {
        for (const deadline = performance.now() + 8_000; !isSo(await snapshot()); ) {
          if (performance.now() > deadline)
            throw new Error(`waited in vain; problems: ${[...(runner.status.value?.problems.values() ?? [])].join()}`);
          await systemClock.sleep(10);
        }
      },
      stop: async () => {
        controller.abort();
        await ended;
      },
    };
  }

  const hosts = ({ config }: Snapshot) =>
    config.list<{ hosts: string[] }>('VirtualService').map(({ spec }) => spec.hosts[0]);
  const webAddresses = ({ registry }: Snapshot) =>
    registry.endpoints('default/web.default.svc.cluster.local').map(({ address }) => address);
  const problems = (status: AdapterRunner['status']['value']) => [...(status?.problems.values() ?? [])].join('\n');

  it('joins a Service with Pods in other files, below folders too, and carries configuration', async () => {
    await withAdapter(async ({ write, until, remove }) => {
      await write('web.yaml', serviceYaml('web'));
      await write('pods/deep/a.yml', podYaml('web', '10.0.0.1'));
      await write(
        'rule.json',
        JSON.stringify({
          apiVersion: 'networking.istio.io/v1',
          kind: 'VirtualService',
          metadata: { name: 'v' },
          spec: { hosts: ['json'], http: [{ route: [{ destination: { host: 'json' } }] }] },
        }),
      );
      await until((snapshot) => webAddresses(snapshot).join() === '10.0.0.1' && hosts(snapshot).join() === 'json');
      await remove('pods');
      await until((snapshot) => webAddresses(snapshot).length === 0);
    });
  });

  it('does not apply a file with an error at all, says where it is, and goes on with the others', async () => {
    await withAdapter(async ({ write, until, status, snapshot }) => {
      await write('rule.yaml', ruleYaml('a', 'one'));
      await until((now) => hosts(now).join() === 'one');
      await write('rule.yaml', `${ruleYaml('a', 'two')}---\n${ruleYaml('b', 'three').replace('hosts', 'hostz')}`);
      await until(() => problems(status()).includes('rule.yaml:9:'));
      expect(problems(status())).toContain('hostz');
      await write('other.yaml', ruleYaml('c', 'four'));
      await until((now) => hosts(now).length === 2);
      expect(hosts(await snapshot())).toEqual(['one', 'four']);
      await write('rule.yaml', ruleYaml('a', 'five'));
      await until((now) => hosts(now).includes('five'));
      expect(problems(status())).toBe('');
    });
  });

  it('keeps what a file said before a restart that finds it broken', async () => {
    const log = new MemoryLog();
    await withAdapter(
      async ({ until }) => until((now) => webAddresses(now).length === 1 && hosts(now).length === 1),
      async (write) => {
        await write('web.yaml', serviceYaml('web'));
        await write('pods.yaml', podYaml('web'));
        await write('rule.yaml', ruleYaml('a', 'one'));
      },
      log,
    );
    await withAdapter(
      async ({ snapshot, status, write, until }) => {
        expect(problems(status())).toContain('web.yaml');
        expect(webAddresses(await snapshot())).toEqual(['10.0.0.1']);
        expect(hosts(await snapshot())).toEqual([]);
        await write('web.yaml', serviceYaml('web'));
        await write('pods.yaml', podYaml('web', '10.0.0.2'));
        await until((now) => webAddresses(now).join() === '10.0.0.2');
      },
      async (write) => {
        await write('web.yaml', 'kind: [');
        await write('pods.yaml', podYaml('web'));
      },
      log,
    );
  });

  it('refuses an object that another file has, until that one lets go of it', async () => {
    await withAdapter(async ({ write, until, status, remove, snapshot }) => {
      await write('b.yaml', ruleYaml('same', 'first'));
      await until((now) => hosts(now).join() === 'first');
      await write('a.yaml', ruleYaml('same', 'second'));
      await until(() => problems(status()).includes('VirtualService/default/same is given in b.yaml already'));
      expect(hosts(await snapshot())).toEqual(['first']);
      await remove('b.yaml');
      await until((now) => hosts(now).join() === 'second');
      expect(problems(status())).toBe('');
    });
  });

  it('follows atomic renames, ignores editors and other files, and merges quick writes', async () => {
    await withAdapter(async ({ root, folder, write, until, log, status }) => {
      await write('.rule.yaml.swp', 'junk: [');
      await write('rule.yaml~', 'junk: [');
      await write('.hidden/x.yaml', 'junk: [');
      await write('notes.txt', 'junk: [');
      await writeFile(join(root, 'new'), ruleYaml('a', 'renamed'));
      await rename(join(root, 'new'), join(folder, 'rule.yaml'));
      await until((now) => hosts(now).join() === 'renamed');
      const before = (await log.head()).position;
      for (let round = 0; round < 20; round++) await write('rule.yaml', ruleYaml('a', `host-${round}`));
      await until((now) => hosts(now).join() === 'host-19');
      expect((await log.head()).position - before).toBeLessThan(10);
      expect(problems(status())).toBe('');
    });
  });

  it('survives binary junk and files that are far too large', async () => {
    await withAdapter(async ({ write, until, status }) => {
      await write(
        'junk.yaml',
        Buffer.from(Array.from({ length: 4096 }, (_, index) => (index * 37) % 256)).toString('latin1'),
      );
      await write('huge.yaml', `# ${'x'.repeat(21 * 1024 * 1024)}\n`);
      await write('rule.yaml', ruleYaml('a', 'one'));
      await until((now) => hosts(now).join() === 'one' && problems(status()).includes('huge.yaml'));
      expect(problems(status())).toContain('junk.yaml');
    });
  });
});
