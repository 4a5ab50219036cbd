// The files adapter: a folder of YAML and JSON files is the platform. README.md says what users see.
import { join } from 'node:path';
import { type Clock, systemClock } from '../../lib/clock.ts';
import { messageOf } from '../../lib/mesh-error.ts';
import type { Adapter, AdapterSink } from '../adapter.ts';
import { type Acceptance, acceptFiles, type Candidate, readCandidate } from './accept-files.ts';
import { type FileRead, listFiles, readChanged, type Stamp } from './read-folder.ts';
import { filesPlatform, joinedScope, translateByFile } from './translate-files.ts';
import { defaultWatchTiming, type WatchTiming, watchFolder } from './watch-folder.ts';

/** Which folder, and how to watch it. */
export interface FilesAdapterOptions {
  readonly folder: string;
  /** Keeps several folders apart in the log, and one folder together when its path changes; `default` by default. */
  readonly instance?: string;
  readonly clock?: Clock;
  readonly timing?: Partial<WatchTiming>;
}

/** An adapter over `folder` and what is below it. */
export function createFilesAdapter(options: FilesAdapterOptions): Adapter {
  return new FilesAdapter(options);
}

interface KnownFile {
  readonly stamp: Stamp;
  readonly newest: Candidate;
}

class FilesAdapter implements Adapter {
  readonly platform = filesPlatform;
  readonly instance: string;
  readonly #options: FilesAdapterOptions;
  /** Every file that exists, by path. */
  #known: ReadonlyMap<string, KnownFile> = new Map();
  #state: Acceptance = { accepted: new Map(), problems: new Map() };
  /** What was last handed on is the state: nothing needs saying while it stays so. */
  #isSaid = false;

  constructor(options: FilesAdapterOptions) {
    this.#options = options;
    this.instance = options.instance ?? 'default';
  }

  async run(sink: AdapterSink, signal: AbortSignal): Promise<void> {
    const { folder, clock = systemClock } = this.#options;
    const timing = { ...defaultWatchTiming, ...this.#options.timing };
    // Watching starts before the first look, so that no change falls between the two.
    const watch = watchFolder(folder, { signal, clock, timing });
    this.#isSaid = false;
    while (!signal.aborted) {
      await this.#look(sink);
      await watch.next().catch((error) => {
        if (!signal.aborted) throw error;
      });
    }
  }

  async #look(sink: AdapterSink): Promise<void> {
    const { folder } = this.#options;
    let paths: readonly string[];
    try {
      paths = await listFiles(folder);
    } catch (error) {
      this.#isSaid = false;
      return sink.lost(`the folder ${folder} can't be read: ${messageOf(error)}`);
    }
    const known = await this.#read(paths);
    if (this.#isSaid && sameEntries(known, this.#known)) return;
    const gone = [...this.#known.keys()].filter((path) => !known.has(path));
    this.#known = known;
    await this.#say(sink, gone);
  }

  async #read(paths: readonly string[]): Promise<ReadonlyMap<string, KnownFile>> {
    const { folder } = this.#options;
    const known = new Map<string, KnownFile>();
    for (const path of paths) {
      const old = this.#known.get(path);
      const read = await readChanged(folder, path, old?.stamp);
      if (read === 'gone') continue;
      if (read === 'unchanged') {
        if (old) known.set(path, old);
      } else known.set(path, { stamp: read.stamp, newest: this.#candidate(path, read.content) });
    }
    return known;
  }

  #candidate(path: string, content: FileRead['content']): Candidate {
    const shownPath = join(this.#options.folder, path);
    return 'text' in content ? readCandidate(path, content.text, shownPath) : content;
  }

  async #say(sink: AdapterSink, gone: readonly string[]): Promise<void> {
    const before = this.#state;
    const state = acceptFiles(before.accepted, new Map([...this.#known].map(([path, { newest }]) => [path, newest])));
    for (const path of new Set([...before.problems.keys(), ...state.problems.keys()]))
      sink.problem(path, state.problems.get(path));
    const contents = new Map(translateByFile([...state.accepted.values()]));
    for (const path of gone) contents.set(path, []);
    // A broken file that was never good in this process may hold half of what is only shown together: then nothing of that goes.
    if ([...state.problems.keys()].some((path) => !state.accepted.has(path))) {
      await sink.replace(joinedScope, contents.get(joinedScope) ?? [], { keepMissing: true });
      contents.delete(joinedScope);
    }
    this.#isSaid = false;
    await sink.replaceAll(contents);
    await sink.synced([...this.#known.keys(), joinedScope]);
    this.#state = state;
    this.#isSaid = true;
  }
}

function sameEntries<T>(a: ReadonlyMap<string, T>, b: ReadonlyMap<string, T>): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);
}
