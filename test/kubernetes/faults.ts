// Cases of kubernetes.test.ts: after every fault the registry equals the platform or says why it does not, and nothing is wiped.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { type Ailment, FaultyGateway } from '../support/faulty-gateway.ts';
import type { TestKube } from '../support/kube.ts';
import { applyFile, startAdapter } from '../support/kube-adapter.ts';
import { paths, putSlice, registryOf, serviceObject } from '../support/kube-objects.ts';
import { LossyProxy } from '../support/lossy-proxy.ts';
import { ShiftedClock } from '../support/shifted-clock.ts';
import { waitFor } from '../support/wait-for.ts';
import type { OnKube } from './on-kube.ts';

const isLong = process.env.PERIPLUS_LONG_TESTS === '1';
/** 1,000 cuts take two minutes: with PERIPLUS_LONG_TESTS=1. */
const cuts = isLong ? 1_000 : 100;

/** An ailment, what the adapter is to say of it, and whether it can be told from an ordinary answer. */
const ailments: readonly (readonly [Ailment, RegExp])[] = [
  ['torn', /can't be reached/],
  ['silent', /no answer within 700 ms/],
  [401, /does not accept the credentials of test \(401 the test says so\)|does not accept the token/],
  [403, /forbids it \(403\)/],
  [429, /answered 429/],
  [500, /answered 500|not ready/],
];

/** Registers the cases. */
export function faultCases(onKube: OnKube): void {
  it(
    `the registry equals the platform after each of ${cuts} cuts at random moments`,
    { timeout: isLong ? 1_200_000 : 120_000 },
    onKube(async (kube) => {
      const proxy = await LossyProxy.start(kube.port);
      try {
        await using adapter = startAdapter(proxy.port, kube);
        await adapter.untilEqual('the start');
        for (let index = 0; index < 8; index++) await kube.must('POST', paths.services, serviceObject(`cut${index}`));
        for (let round = 0; round < cuts; round++) {
          const service = `cut${round % 8}`;
          const net = `10.${2 + (round >> 8)}.${round & 255}`;
          const changes = [
            putSlice(kube, service, [`${net}.1`, `${net}.2`]),
            ...(round % 7 === 3 ? [kube.must('DELETE', `${paths.slices}/cut${(round + 4) % 8}-1`)] : []),
          ];
          await sleep(Math.random() * 30);
          // Every second time in the middle of an answer, if there is one.
          if (round % 2 === 0) proxy.cut();
          else proxy.tearing = true;
          await Promise.all(changes);
          await adapter.untilEqual(`round ${round}`);
        }
        expect(adapter.runner.status.value?.heldCount).toBe(0);
      } finally {
        await proxy.stop();
      }
    }),
  );

  it(
    'a server that answers with empty, half or torn lists, refusals or silence wipes nothing, and is named',
    onKube(async (kube) => {
      const services = Array.from({ length: 12 }, (_, index) => `ail${index}`);
      for (const [index, name] of services.entries()) {
        await kube.must('POST', paths.services, serviceObject(name));
        await putSlice(kube, name, [`10.40.${index}.1`]);
      }
      const gateway = await FaultyGateway.start(kube);
      try {
        await using adapter = startAdapter(gateway.port, kube, {
          ...{
            held: true,
            server: gateway.url,
            limits: { answerMs: 700 },
            timing: { backoffMs: { min: 20, max: 150 } },
          },
        });
        const status = () => adapter.runner.status.value;
        await adapter.untilState('synced');
        await adapter.untilEqual('the start');
        const before = registryOf(await adapter.mesh());
        const nothingIsWiped = async (what: unknown) => {
          const now = registryOf(await adapter.mesh());
          expect([what, [...before.keys()].filter((subject) => !now.has(subject))]).toEqual([what, []]);
        };
        const recover = async (what: unknown) => {
          gateway.ailment = 'none';
          gateway.relist();
          await waitFor(() => status()?.state === 'synced' && status()?.heldCount === 0, {
            what: () => `${String(what)} to be over: ${JSON.stringify(status())}`,
          });
          await adapter.untilEqual(`after ${String(what)}`);
        };
        for (const [ailment, reason] of ailments) {
          gateway.ailment = ailment;
          gateway.relist();
          await waitFor(() => status()?.state === 'lost' && reason.test(status()?.reason ?? ''), {
            what: () => `${ailment} to be named: ${JSON.stringify(status())}`,
          });
          await nothingIsWiped(ailment);
          await recover(ailment);
        }
        for (const ailment of ['empty', 'half'] as const) {
          gateway.ailment = ailment;
          gateway.relist();
          await waitFor(() => (status()?.heldCount ?? 0) >= 12, {
            what: () => `losses of ${ailment}: ${JSON.stringify(status())}`,
          });
          await nothingIsWiped(ailment);
          await recover(ailment);
        }
        gateway.ailment = 'slow';
        gateway.relist();
        await putSlice(kube, 'ail0', ['10.40.0.9']);
        await adapter.untilEqual('a slow server');
      } finally {
        await gateway.stop();
        for (const name of services) await remove(kube, name);
      }
    }),
  );

  it(
    'a program of the kubeconfig is asked again when the server refuses what it gave',
    onKube(async (kube) => {
      const script =
        'printf \'{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"%s"}}\'';
      // Wrong the first time, as one that ended on its way.
      const once = 'if mkdir "$MARK" 2>/dev/null; then TOKEN=old; else TOKEN=adapter-token; fi;';
      const exec = {
        ...{ apiVersion: 'client.authentication.k8s.io/v1', command: 'sh', args: ['-c', `${once} ${script} "$TOKEN"`] },
        env: [{ name: 'MARK', value: kube.path('mark') }],
      };
      await using adapter = startAdapter(kube.port, kube, { user: { exec } });
      await adapter.untilState('lost');
      expect(adapter.runner.status.value?.reason).toMatch(/does not accept the program's credentials of test \(401/);
      await adapter.untilState('synced');
      await adapter.untilEqual('with the second token');
    }),
  );
}

/** Registers the case that leaves nothing of what was in the cluster. */
export function lastFaultCase(onKube: OnKube): void {
  it(
    'a server that was away for an hour and is back with other contents: new things come, old ones are held, then let go',
    onKube(async (kube) => {
      await kube.must('POST', paths.services, serviceObject('old'));
      await putSlice(
        kube,
        'old',
        [1, 2, 3, 4, 5, 6].map((last) => `10.41.0.${last}`),
      );
      const clock = new ShiftedClock();
      await using plain = startAdapter(kube.port, kube);
      await using careful = startAdapter(kube.port, kube, { held: true, clock });
      const status = () => careful.runner.status.value;
      await plain.untilEqual('the start');
      await careful.untilEqual('the start');
      await careful.untilState('synced');
      const before = registryOf(await careful.mesh());
      const endpoints = [...before.keys()].filter((subject) => subject.includes('/endpoint/'));
      expect(endpoints.length).toBeGreaterThan(5);
      await kube.stopApiserver();
      await careful.untilState('lost');
      clock.pass(3_600_000);
      await waitFor(() => (status()?.reason ?? '').includes("can't be reached"), { what: 'the reason' });
      expect(registryOf(await careful.mesh())).toEqual(before);
      await kube.startAnew();
      await applyFile(kube, 'rbac.yaml');
      await kube.must('POST', paths.services, serviceObject('fresh'));
      await putSlice(kube, 'fresh', ['10.9.0.1']);
      await plain.untilEqual('the other contents');
      const hasFresh = async () =>
        [...registryOf(await careful.mesh()).keys()].some((subject) => subject.includes('/fresh.'));
      await waitFor(hasFresh, { what: 'what is new' });
      await careful.untilState('synced');
      await waitFor(() => (status()?.heldCount ?? 0) >= endpoints.length, {
        what: () => `${endpoints.length} to be held: ${JSON.stringify(status())}`,
      });
      const after = registryOf(await careful.mesh());
      expect(endpoints.filter((subject) => !after.has(subject))).toEqual([]);
      // What had just come waits for the window of flapping things before its loss is judged.
      clock.pass(6_000);
      await waitFor(() => status()?.dampenedCount === 0, { what: 'nothing that is dampened' });
      clock.pass(11 * 60_000);
      await waitFor(() => status()?.heldCount === 0, {
        what: () => `the end of the hold: ${JSON.stringify(status())}`,
      });
      await careful.untilEqual('after ten minutes');
    }),
  );
}

async function remove(kube: TestKube, service: string): Promise<void> {
  await kube.must('DELETE', `${paths.slices}/${service}-1`);
  await kube.must('DELETE', `${paths.services}/${service}`);
}
