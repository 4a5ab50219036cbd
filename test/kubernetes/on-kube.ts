// How the cases of kubernetes.test.ts get its API server: one for all of them, or the reason why there is none.
import type { TestContext } from 'vitest';
import type { TestKube } from '../support/kube.ts';

/** Makes a test that is skipped, with the reason, where no API server can be had. */
export type OnKube = (test: (kube: TestKube) => Promise<void>) => (context: TestContext) => Promise<void>;
