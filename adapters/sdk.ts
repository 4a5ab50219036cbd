// What the package offers to adapters of others (`import … from 'periplus/adapter'`): the port's types and what most adapters need.
// A name that is here stays, or the port gets another version. docs/guides/writing-an-adapter.md says how they are used.

export type {
  Endpoint,
  Health,
  Protocol,
  Resolution,
  Service,
  ServicePort,
  Workload,
} from '../events/model.ts';
export { type Clock, systemClock } from '../lib/clock.ts';
export { MeshError, type MeshErrorCode, messageOf } from '../lib/mesh-error.ts';
export type { Adapter, AdapterSink, Observed, ReplaceOptions } from './adapter.ts';
export { commonLabels, hostnameByRule, isDnsName, portNumber, protocolOfPort } from './named-services.ts';
export {
  type PlatformAddress,
  type PlatformAnswer,
  PlatformHttp,
  type PlatformTls,
  parseJson,
  type RequestBounds,
} from './platform-http.ts';
export { runSessions } from './sessions.ts';

/** What an adapter module exports. `Config` is the content of the YAML file that `serve --adapter MODULE:FILE` names. */
export interface AdapterModule<Config = unknown> {
  /** The version of the port that it is written for, as a number in its own text: 1. */
  readonly portVersion: number;
  /** Makes the adapter, without a look at the platform; a rejection says what is wrong with the configuration, and `serve` does not start. */
  createAdapter(config: Config): import('./adapter.ts').Adapter | Promise<import('./adapter.ts').Adapter>;
}
