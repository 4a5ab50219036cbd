import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runCli } from './cli-fixture.ts';

const bookinfo = resolve(import.meta.dirname, '../examples/bookinfo');
const files = ['-f', join(bookinfo, 'mesh'), '-f', join(bookinfo, 'config')];

describe('render', () => {
  it('prints what an Envoy would be given, the same every time', async () => {
    const args = ['render', ...files, '--node', join(bookinfo, 'node.json')];
    const [first, second] = [await runCli(args), await runCli(args)];
    expect(first).toEqual(second);
    expect(first.code).toBe(0);
    const { position, resources } = JSON.parse(first.out);
    expect(position).toBeGreaterThan(0);
    expect(Object.keys(resources)).toEqual(['listeners', 'routes', 'clusters', 'endpoints']);
    expect(resources.clusters.map((cluster: { name: string }) => cluster.name)).toContain(
      'outbound|9080|v1|reviews.default.svc.cluster.local',
    );
  });

  it('refuses a node that is none, and a log that is not there', async () => {
    const node = await runCli(['render', ...files, '--node', join(bookinfo, 'README.md')]);
    expect(node).toMatchObject({ code: 2, err: expect.stringContaining('README.md') });
    const log = await runCli(['render', '--log', 'sqlite:/nonexistent', '--node', join(bookinfo, 'node.json')]);
    expect(log).toMatchObject({ code: 2, err: expect.stringContaining('/nonexistent holds no log') });
  });
});
