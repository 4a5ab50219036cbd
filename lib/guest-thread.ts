// What holds for every thread with a third party's module in it: what it sees of the environment, and when it is taken for stuck.

/** Environment that a module sees: what programs need to run, and variables that begin with `prefix`. Never the process's own tokens. */
export function guestEnvironment(env: NodeJS.ProcessEnv, prefix: string): NodeJS.ProcessEnv {
  const shared = new RegExp(`^(PATH|HOME|TMPDIR|TZ|LANG|NODE_EXTRA_CA_CERTS|SSL_CERT_(FILE|DIR)|${prefix}\\w+)$`);
  return Object.fromEntries(Object.entries(env).filter(([name]) => shared.test(name)));
}

/** What is wrong with the version that a module exports; undefined when it is `version`, that of the port called `port`. */
export function portVersionProblem(found: unknown, port: string, version: number): string | undefined {
  if (found === version) return undefined;
  const written = found === undefined ? 'exports no portVersion' : `is written for version ${JSON.stringify(found)}`;
  return `${written}; this Periplus has version ${version} of the ${port} port`;
}

/** Asks a thread for signs of life. */
export class Watchdog {
  readonly #timer: NodeJS.Timeout;
  #missed: number;

  /**
   * Without a sign of life for `answerMs`, twice asked for in vain so that a process which was itself busy does not judge, the thread is
   * `stuck`. It has `startMs`, by default the same, until its first.
   */
  constructor(options: {
    readonly answerMs: number;
    readonly startMs?: number;
    readonly ask: () => void;
    readonly stuck: () => void;
  }) {
    const { answerMs, startMs = answerMs, ask, stuck } = options;
    const everyMs = answerMs / 2;
    this.#missed = 2 - Math.ceil(startMs / everyMs);
    this.#timer = setInterval(() => {
      if (this.#missed++ >= 2) stuck();
      else ask();
    }, everyMs).unref();
  }

  /** The thread has said something. */
  heard(): void {
    this.#missed = 0;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
