// Sees to it that no child outlives this process, even one that dies by kill -9: a tiny shell that waits for our end.
import { type ChildProcess, spawn } from 'node:child_process';

/**
 * Reads `add PID` and `remove PID` lines; when its input ends, because this process did, it kills what is left. It has its
 * own session and ignores signals, so that neither Ctrl-C nor a closed terminal ends it early.
 */
const script = `
trap '' INT TERM HUP
pids=' '
while read -r verb pid; do
  case "$verb" in
    add) pids="$pids$pid " ;;
    remove) case "$pids" in *" $pid "*) pids="\${pids%% $pid *} \${pids#* $pid }" ;; esac ;;
  esac
done
for pid in $pids; do kill -KILL "$pid" 2>/dev/null; done
`;

let watchdog: ChildProcess | undefined;

/** Has `child` killed when this process ends without having ended it. Forgotten when the child exits by itself. */
export function guardChild(child: ChildProcess): void {
  const { pid } = child;
  if (pid === undefined) return;
  tell(`add ${pid}`);
  child.once('exit', () => tell(`remove ${pid}`));
}

function tell(line: string): void {
  watchdog ??= startWatchdog();
  watchdog.stdin?.write(`${line}\n`);
}

function startWatchdog(): ChildProcess {
  const child = spawn('/bin/sh', ['-c', script], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  // Neither the shell nor the pipe to it may keep this process running, and losing it must not fail what it guards.
  child.unref();
  child.on('error', () => {});
  child.stdin.on('error', () => {});
  if ('unref' in child.stdin && typeof child.stdin.unref === 'function') child.stdin.unref();
  return child;
}
