// The policy guide's commands, run as a reader runs them, against a control plane without proxies; its YAML is applied too.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePorts } from '../support/free-port.ts';
import { periplus, RunningPeriplus, root } from '../support/periplus.ts';

const guide = readFileSync(join(root, 'docs/guides/policy.md'), 'utf8');
const blocks = (language: string) =>
  [...guide.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, 'gm'))].map(([, text = '']) => text);

describe('the policy guide', () => {
  let control: RunningPeriplus;
  let server: string[];

  beforeAll(async () => {
    const [admin = 0, xds = 0, mixer = 0] = await freePorts(3);
    server = ['--server', `http://127.0.0.1:${admin}`];
    const ports = ['--admin-port', String(admin), '--xds-port', String(xds), '--mixer-port', String(mixer)];
    control = new RunningPeriplus(['serve', '--roles', 'pilot,adapters,mixer', '--log', 'memory:', ...ports]);
    await control.untilServing(`http://127.0.0.1:${admin}/readyz`);
  }, 90_000);
  afterAll(async () => {
    await control.stop();
  });

  it('has commands that work, in their order', async () => {
    const commands = blocks('sh').flatMap((text) => text.split('\n').filter((line) => line.startsWith('periplus ')));
    expect(commands.length).toBeGreaterThanOrEqual(3);
    for (const line of commands) {
      const { code, stdout, stderr } = await periplus([...line.split(' ').slice(1), ...server]);
      expect(code, `${line}\n${stdout}${stderr}`).toBe(0);
    }
  }, 60_000);

  it('has YAML that applies', async () => {
    for (const input of blocks('yaml')) {
      const { code, stdout, stderr } = await periplus(['apply', '-f', '-', ...server], { input });
      expect(code, stdout + stderr).toBe(0);
    }
  }, 60_000);

  it('a wrong expression is refused with its place', async () => {
    const input = (blocks('yaml')[0] ?? '').replace('request.useragent', 'request.usragent');
    const { code, stderr } = await periplus(['apply', '-f', '-', ...server], { input });
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /:\d+:\d+ .*when: unknown attribute "request.usragent"; did you mean request.useragent\? \(character 1\)/,
    );
  }, 60_000);
});
