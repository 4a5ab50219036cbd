// Readiness is judged from Envoy's statistics: each thing that is missing keeps it false.
import { describe, expect, it } from 'vitest';
import { parseStats, readinessOf } from './envoy-admin.ts';

const serving = {
  'server.state': 0,
  'cluster_manager.cds.update_success': 1,
  'listener_manager.lds.update_success': 1,
  'listener_manager.workers_started': 1,
};
const judge = (change: Record<string, number | undefined>) => {
  const stats = Object.entries({ ...serving, ...change }).filter(([, value]) => value !== undefined);
  return readinessOf(new Map(stats as [string, number][]));
};

describe('readinessOf', () => {
  it('is true when Envoy is live with clusters, listeners and workers', () => {
    expect(judge({})).toEqual({ ready: true, reason: 'LIVE' });
  });

  it.each([
    [{ 'server.state': undefined }, 'not started'],
    [{ 'server.state': 3 }, 'INITIALIZING'],
    [{ 'server.state': 1 }, 'DRAINING'],
    [{ 'cluster_manager.cds.update_success': 0 }, 'clusters'],
    [{ 'listener_manager.lds.update_success': undefined }, 'listeners'],
    [{ 'listener_manager.workers_started': 0 }, 'workers'],
  ])('is false with %o', (change, reason) => {
    const { ready, reason: said } = judge(change);
    expect(ready).toBe(false);
    expect(said).toContain(reason);
  });

  it('counts a rejected update as heard: the proxy serves what it could take', () => {
    const change = { 'listener_manager.lds.update_success': 0, 'listener_manager.lds.update_rejected': 1 };
    expect(judge(change).ready).toBe(true);
  });
});

describe('parseStats', () => {
  it('reads names that hold colons', () => {
    expect([...parseStats('a.b: 1\ncluster.[::1]:80.x: 2\nno number\n')]).toEqual([
      ['a.b', 1],
      ['cluster.[::1]:80.x', 2],
    ]);
  });
});
