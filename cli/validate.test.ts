import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from './cli-fixture.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'periplus-validate-'));
});
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string, text: string) => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

const gateway = (port: number) => `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: web}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: ${port}, name: http, protocol: HTTP}
    hosts: ["*"]
`;
const unusedRule = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web}
spec:
  hosts: [web]
  http:
  - route: [{destination: {host: web}}]
  - route: [{destination: {host: web}}]
`;
const deployment = 'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n';

describe('validate', () => {
  it('says of each file that it is valid, kinds that are not read passed over', async () => {
    mkdirSync(join(folder, 'good'));
    const good = file('good/gateway.yaml', gateway(80));
    const other = file('good/web.yaml', deployment);
    expect(await runCli(['validate', '-f', join(folder, 'good')])).toEqual({
      code: 0,
      out: `"${good}" is valid\n"${other}" is valid\n`,
      err: '',
    });
    expect(await runCli(['x', 'v', '-f', other])).toMatchObject({ code: 0, out: `"${other}" is valid\n` });
  });

  it('tells warnings, and is content', async () => {
    const path = file('unused.yaml', unusedRule);
    const { code, out } = await runCli(['validate', '-f', path]);
    expect(code).toBe(0);
    expect(out).toContain(`"${path}" has warnings:\n  ${path}:8:5`);
    expect(out).toContain('IST0130');
  });

  it('tells every error of every file at its place, with exit code 1', async () => {
    const [bad, good] = [file('bad.yaml', gateway(70000)), file('fine.yaml', gateway(80))];
    const { code, out, err } = await runCli(['validate', '-f', bad, '-f', good]);
    expect(code).toBe(1);
    expect(out).toBe(`"${good}" is valid\n`);
    expect(err).toContain('a problem in what was given');
    expect(err).toContain(`${bad}:7:`);
  });

  it('wants a file', async () => {
    expect(await runCli(['experimental', 'validate'])).toMatchObject({ code: 2 });
    expect(await runCli(['validate', '-f', join(folder, 'none.yaml')])).toMatchObject({
      code: 2,
      err: expect.stringContaining('none.yaml: no such file or folder'),
    });
  });
});
