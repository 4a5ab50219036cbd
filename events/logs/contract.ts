// The contract suite of the log port: every implementation passes it whole. Call `describeEventLog` from the implementation's test.
import { describe } from 'vitest';
import { describeAppend } from './contract-append.ts';
import type { OpenForTest } from './contract-fixture.ts';
import { describeRead } from './contract-read.ts';
import { describeSubscribe } from './contract-subscribe.ts';

/** Runs the suite on the logs that `open` gives. Rules that a reopen must keep are only run when the fixture has `reopen`. */
export function describeEventLog(name: string, open: OpenForTest): void {
  describe(`${name} keeps the promises of EventLog`, () => {
    describeAppend(open);
    describeRead(open);
    describeSubscribe(open);
  });
}
