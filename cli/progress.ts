// One line on standard error that says what takes so long: rewritten in place on a terminal, seldom repeated elsewhere.
import type { CliContext } from './context.ts';

/** Shows `text()` once a second from two seconds on, until `work` settles. Gives `work`'s result. */
export async function withProgress<Result>(
  context: Pick<CliContext, 'io'>,
  text: () => string,
  work: Promise<Result>,
): Promise<Result> {
  const { io } = context;
  const startedMs = io.clock.nowMs();
  let shown = '';
  const show = () => {
    const seconds = Math.round((io.clock.nowMs() - startedMs) / 1000);
    if (seconds < quietSeconds) return;
    // A pipe or a CI log gets a line only when there is something new in it.
    if (!io.errIsTerminal) return void (text() !== shown && io.err(`${(shown = text())}\n`));
    shown = text();
    io.err(`\r\u001b[2K${shown} (${seconds} s)`);
  };
  const timer = setInterval(show, 1000);
  try {
    return await work;
  } finally {
    clearInterval(timer);
    if (shown !== '' && io.errIsTerminal) io.err('\r\u001b[2K');
  }
}

/** Quicker work needs no explanation. */
const quietSeconds = 2;
