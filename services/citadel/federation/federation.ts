// Keeps this mesh's knowledge of other trust domains up to date: reads their bundles and puts what changed into the log.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { eventId } from '../../../events/event-id.ts';
import type { EventLog } from '../../../events/event-log.ts';
import { type FederatedBundleUpdated, federationSubject } from '../../../events/identity-facts.ts';
import type { Clock } from '../../../lib/clock.ts';
import type { Logger } from '../../../lib/logger.ts';
import { MeshError, messageOf } from '../../../lib/mesh-error.ts';
import type { Service } from '../../../lib/service.ts';
import { type FederatedDomain, fetchBundle } from './fetch-bundle.ts';
import { type ForeignBundle, parseForeignBundle } from './parse-bundle.ts';

/** What the service is made of. */
export interface FederationOptions {
  readonly domains: readonly FederatedDomain[];
  readonly trustDomain: string;
  readonly facts: EventLog;
  readonly clock: Clock;
  readonly logger: Logger;
  /** In events: `/citadel/NAME`. */
  readonly name: string;
}

const types = ['io.periplus.identity.federated-bundle-updated', 'io.periplus.identity.federation-ended'];
/** How often to look, in seconds: a bundle's own hint within these bounds (SPIFFE_Federation.md, section 4.1: 5 minutes without one). */
const refreshSeconds = { default: 300, least: 10, most: 3_600 } as const;

/** How a federation is, for `periplus ca status`. */
export interface FederationStatus {
  readonly trustDomain: string;
  /** URL or file. */
  readonly source: string;
  /** In force; 0: none could be had yet. */
  readonly roots: number;
  readonly sequence?: number;
  /** Why the newest could not be had; the last one stays in force. */
  readonly problem?: string;
}

/** See the file's first line. A bundle that can't be had leaves the last good one in force. */
export class Federation implements Service {
  readonly name = 'federation';
  readonly #problems = new Map<string, string>();
  readonly #options: FederationOptions;

  /** Throws MeshError `invalid` for a federation with oneself or one that is given twice. */
  constructor(options: FederationOptions) {
    const names = options.domains.map(({ trustDomain }) => trustDomain);
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    if (twice !== undefined) throw new MeshError('invalid', `the federation with ${twice} is given twice`);
    if (names.includes(options.trustDomain))
      throw new MeshError('invalid', `${options.trustDomain} is this mesh's own trust domain`);
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    await this.#endOthers();
    await Promise.all(this.#options.domains.map((domain) => this.#follow(domain, signal)));
    // Without any there is nothing to follow; the service stays, so that it is not started again and again.
    if (!signal.aborted) await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
  }

  /** How each is, in the order in which they were given. */
  async status(): Promise<readonly FederationStatus[]> {
    return await Promise.all(
      this.#options.domains.map(async ({ trustDomain, source }) => {
        const known = await this.#known(trustDomain);
        const problem = this.#problems.get(trustDomain);
        return {
          trustDomain,
          source: 'file' in source ? source.file : source.url,
          roots: known?.roots.length ?? 0,
          ...(known?.sequence !== undefined && { sequence: known.sequence }),
          ...(problem !== undefined && { problem }),
        };
      }),
    );
  }

  /** What the log knows and nobody asks for any more is no longer trusted. */
  async #endOthers(): Promise<void> {
    const { facts, domains } = this.#options;
    const known = new Map<string, boolean>();
    for await (const { type, data } of facts.read({ subject: 'identity/federation', types }))
      known.set(String(Object(data).trustDomain), type === types[0]);
    for (const [trustDomain, isFederated] of known)
      if (isFederated && !domains.some((domain) => domain.trustDomain === trustDomain))
        await this.#append('io.periplus.identity.federation-ended', { trustDomain });
  }

  async #follow(domain: FederatedDomain, signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    const { trustDomain } = domain;
    let told = '';
    while (!signal.aborted) {
      let waitSeconds: number = refreshSeconds.default;
      try {
        const bundle = await this.#refresh(domain);
        waitSeconds = bundle.refreshSeconds ?? refreshSeconds.default;
        this.#problems.delete(trustDomain);
        if (told) logger.info({ trustDomain }, 'the trust bundle can be had again');
        told = '';
      } catch (error) {
        const problem = messageOf(error);
        if (problem !== told) logger.error({ trustDomain, problem }, 'no trust bundle; the last one stays in force');
        told = problem;
        this.#problems.set(trustDomain, problem);
        waitSeconds = refreshSeconds.least;
      }
      const bounded = Math.min(Math.max(waitSeconds, refreshSeconds.least), refreshSeconds.most);
      await clock.sleep(bounded * 1000, signal).catch(() => {});
    }
  }

  async #refresh(domain: FederatedDomain): Promise<ForeignBundle> {
    const { trustDomain, source } = domain;
    const known = await this.#known(trustDomain);
    const text =
      'file' in source
        ? await readFile(source.file, 'utf8').catch(() => {
            throw new MeshError('unavailable', `${source.file} can not be read`);
          })
        : await fetchBundle(source, known?.roots ?? (await initialRoots(source.initialFile)));
    const bundle = parseForeignBundle(text);
    const place = 'file' in source ? source.file : source.url;
    if (typeof bundle === 'string') throw new MeshError('invalid', `the bundle of ${place} is not taken: ${bundle}`);
    const { roots, sequence } = bundle;
    if (sequence !== undefined && known?.source === place && sequence < (known.sequence ?? 0))
      throw new MeshError('invalid', `the bundle of ${place} is older than the one that is known`);
    const hash = createHash('sha256').update(roots.join('')).digest('hex');
    if (known?.hash !== hash || known.sequence !== sequence || known.source !== place) {
      const data = { trustDomain, source: place, ...(sequence !== undefined && { sequence }), roots, hash };
      await this.#append('io.periplus.identity.federated-bundle-updated', data);
    }
    return bundle;
  }

  async #known(trustDomain: string): Promise<FederatedBundleUpdated['data'] | undefined> {
    const newest = { subject: federationSubject(trustDomain), types, reverse: true, limit: 1 } as const;
    for await (const { type, data } of this.#options.facts.read(newest))
      return type === types[0] ? Object(data) : undefined;
    return undefined;
  }

  async #append(type: string, data: { readonly trustDomain: string }): Promise<void> {
    const { facts, clock, name } = this.#options;
    const [source, subject] = [`/citadel/${name}`, federationSubject(data.trustDomain)];
    // Several Citadels that read the same after the same make the same event.
    const revision = await facts.subjectVersion(subject);
    const id = eventId({ source: '/citadel', subject, revision, content: { type, data } });
    const time = new Date(clock.nowMs()).toISOString();
    await facts.append([{ event: { id, source, subject, type, time, actor: 'system:citadel', causes: [], data } }]);
  }
}

async function initialRoots(file: string | undefined): Promise<readonly string[] | undefined> {
  if (file === undefined) return undefined;
  const text = await readFile(file, 'utf8').catch(() => {
    throw new MeshError('unavailable', `${file} can not be read`);
  });
  const bundle = parseForeignBundle(text);
  if (typeof bundle === 'string') throw new MeshError('invalid', `the first bundle in ${file} is not taken: ${bundle}`);
  return bundle.roots;
}
