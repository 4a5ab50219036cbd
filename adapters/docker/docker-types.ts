// The part of the Docker engine's answers that the adapter reads (docs.docker.com/reference/api/engine: ContainerList, SystemEvents).

/** One container, as `/containers/json` lists it. It holds no environment and no command line arguments' secrets. */
export interface DockerContainer {
  readonly Id: string;
  /** With a leading slash each; links of other containers are `/other/alias`. */
  readonly Names: readonly string[];
  /** `running`, `paused`, `exited`, `created`, `restarting`, `removing`, `dead`. */
  readonly State: string;
  /** For people; the list says health nowhere else: `Up 5 minutes (healthy)`, `(unhealthy)`, `(health: starting)`. */
  readonly Status?: string;
  /** Unix time in seconds. */
  readonly Created?: number;
  readonly Labels?: Readonly<Record<string, string>> | null;
  /** Exposed ports; with `PublicPort` where they are published. */
  readonly Ports?: readonly DockerPort[] | null;
  readonly HostConfig?: { readonly NetworkMode?: string } | null;
  readonly NetworkSettings?: { readonly Networks?: Readonly<Record<string, DockerNetwork | null>> | null } | null;
}

/** A port of a container. */
export interface DockerPort {
  readonly PrivatePort: number;
  readonly PublicPort?: number;
  readonly Type: string;
  readonly IP?: string;
}

/** A container's place in a network; addresses are empty while it does not run. */
export interface DockerNetwork {
  readonly IPAddress?: string;
  readonly GlobalIPv6Address?: string;
}

/** One event of `/events`. */
export interface DockerEvent {
  readonly Type: string;
  readonly Action: string;
  /** `Attributes` of a container's event: its labels, `name` and `image`. */
  readonly Actor: { readonly ID: string; readonly Attributes?: Readonly<Record<string, string>> | null };
  /** Unix time in nanoseconds: beyond what a number holds exactly. */
  readonly timeNano?: number;
}

/** Whether an answer has the shape of a list of containers, as far as the adapter reads it. */
export function isContainers(answer: unknown): answer is readonly DockerContainer[] {
  return Array.isArray(answer) && answer.every(isContainer);
}

/** Whether a line has the shape of an event. */
export function isEvent(line: unknown): line is DockerEvent {
  const { Type, Action, Actor } = (line ?? {}) as Partial<DockerEvent>;
  return typeof Type === 'string' && typeof Action === 'string' && typeof Actor?.ID === 'string';
}

function isContainer(value: unknown): boolean {
  const { Id, Names, State } = (value ?? {}) as Partial<DockerContainer>;
  return typeof Id === 'string' && typeof State === 'string' && Array.isArray(Names) && Names.length > 0;
}
