// From a write to a real kube-apiserver to every proxy, and the initial sync: `node bench/kubernetes.ts [SERVICES] [PROXIES] [ROUNDS]`.
import { TestKube } from '../test/support/kube.ts';
import { paths, serviceObject, sliceObject } from '../test/support/kube-objects.ts';
import { endpointsEach, runPlatform, type Size } from './platform-run.ts';

/** Prints the figures of one size. */
async function benchKubernetes(size: Size): Promise<void> {
  const kube = await TestKube.start();
  if ('why' in kube) {
    console.log(kube.why);
    return;
  }
  try {
    await fill(kube, size.services);
    const where = kube.kubeconfig(kube.port, 'admin-token');
    const change = async (round: number, address: string) => {
      const { endpoints } = sliceObject('', [address, ...addressesOf(round).slice(1)]);
      await kube.must('PATCH', `${paths.slices}/s${round}-1`, { endpoints });
    };
    await runPlatform({ name: 'kubernetes', where, change }, size);
  } finally {
    await kube.dispose();
  }
}

/** Of service `index`. */
function addressesOf(index: number): readonly string[] {
  return Array.from({ length: endpointsEach }, (_, last) => `10.${100 + (index >> 8)}.${index & 255}.${last + 1}`);
}

async function fill(kube: TestKube, services: number): Promise<void> {
  const names = Array.from({ length: services }, (_, index) => `s${index}`);
  const next = names.entries();
  const worker = async () => {
    for (const [index, name] of next) {
      await kube.must('POST', paths.services, serviceObject(name));
      await kube.must('POST', paths.slices, sliceObject(name, addressesOf(index)));
    }
  };
  await Promise.all(Array.from({ length: 20 }, worker));
}

if (import.meta.main) {
  const [services = 500, proxies = 300, rounds = 20] = process.argv.slice(2).map(Number);
  await benchKubernetes({ services, proxies, rounds });
}
