// Objectives as rules: which alerts there are, and, with Prometheus's own engine, when they fire.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { burnRateRules } from './burn-rate-rules.ts';
import type { Objective } from './objective.ts';

const dayMs = 86_400_000;
const availability: Objective = {
  ...{ id: 'default/reviews', host: 'reviews.default.svc.cluster.local', target: 99.9 },
  ...{ windowMs: 30 * dayMs, thresholdMs: undefined },
};
const latency: Objective = { ...availability, id: 'default/fast', thresholdMs: 250 };

const alertsOf = (objective: Objective) =>
  (burnRateRules([objective]).groups[0]?.rules ?? []).flatMap((rule) => ('alert' in rule ? [rule] : []));

describe('burnRateRules', () => {
  it('has the workbook’s four alerts for a month', () => {
    const factors = alertsOf(availability).map(({ expr, labels }) => [
      labels.severity,
      labels.long_window,
      Number(/> ([\d.e-]+) and/.exec(expr)?.[1]) / 0.001,
    ]);
    expect(
      factors.map(([severity, window, factor]) => [severity, window, Math.round(Number(factor) * 10) / 10]),
    ).toEqual([
      ['page', '1h', 14.4],
      ['page', '6h', 6],
      ['ticket', '1d', 3],
      ['ticket', '3d', 1],
    ]);
  });

  it('leaves out alerts on errors that last longer than the window', () => {
    expect(alertsOf({ ...availability, windowMs: 7 * dayMs }).map(({ labels }) => labels.long_window)).toEqual([
      '1h',
      '6h',
    ]);
  });
});

const hasPromtool = spawnSync('promtool', ['--version']).status === 0;
const why = hasPromtool ? '' : ': skipped, there is no promtool on the PATH (Debian: apt install prometheus)';

describe.skipIf(!hasPromtool)(`burn-rate rules in Prometheus’s engine${why}`, { timeout: 60_000 }, () => {
  /** Runs promtool in a folder with `rules.json`; rejects with what it says. */
  function promtool(args: readonly string[], files: Readonly<Record<string, unknown>>): void {
    const folder = mkdtempSync(join(tmpdir(), 'periplus-slo-'));
    for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), JSON.stringify(content));
    const { status, stdout, stderr } = spawnSync('promtool', [...args], { cwd: folder, encoding: 'utf8' });
    rmSync(folder, { recursive: true });
    expect(status, stdout + stderr).toBe(0);
  }

  const requests = (code: string, perMinute: number) => ({
    series: `istio_requests_total{reporter="source",destination_service="${availability.host}",response_code="${code}"}`,
    values: `0+${perMinute}x120`,
  });
  const buckets = (le: string, perMinute: number) => ({
    series: `istio_request_duration_milliseconds_bucket{reporter="source",destination_service="${latency.host}",le="${le}"}`,
    values: `0+${perMinute}x120`,
  });
  const counted = {
    series: `istio_request_duration_milliseconds_count{reporter="source",destination_service="${latency.host}"}`,
    values: '0+100x120',
  };

  /** The severities that fire after 90 minutes. */
  function expectFiring(input: readonly object[], slo: string, expected: readonly string[]): void {
    const rule_files = ['rules.json'];
    const expr = `count by (severity) (ALERTS{alertstate="firing",slo="${slo}"})`;
    const exp_samples = expected.map((severity) => ({ labels: `{severity="${severity}"}`, value: 2 }));
    const tests = [
      { interval: '1m', input_series: input, promql_expr_test: [{ expr, eval_time: '90m', exp_samples }] },
    ];
    const files = { 'rules.json': burnRateRules([availability, latency]), 'test.json': { rule_files, tests } };
    promtool(['test', 'rules', 'test.json'], files);
  }

  it('are valid', () => {
    promtool(['check', 'rules', 'rules.json'], { 'rules.json': burnRateRules([availability, latency]) });
  });

  it('fire when two of a hundred requests fail, and keep quiet at one in two thousand, or without a failure', () => {
    expectFiring([requests('200', 98), requests('503', 2)], availability.id, ['page', 'ticket']);
    expectFiring([requests('200', 1999), requests('503', 1)], availability.id, []);
    expectFiring([requests('200', 100)], availability.id, []);
  });

  it('count requests that never arrived (code 0) as failed', () => {
    expectFiring([requests('200', 90), requests('0', 10)], availability.id, ['page', 'ticket']);
  });

  it('fire when a tenth of the requests takes too long, and not when all are in time', () => {
    expectFiring([buckets('250', 90), counted], latency.id, ['page', 'ticket']);
    expectFiring([buckets('250', 100), counted], latency.id, []);
  });
});
