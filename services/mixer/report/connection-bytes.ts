// Remembers how many bytes of each open connection a proxy has told of already, so that a report tells what is new.
import { AccessLogType, type TCPAccessLogEntry } from '../../../gen/envoy/data/accesslog/v3/accesslog_pb.js';
import { bytesSoFar, type CountedBytes } from './tcp-entry-attributes.ts';

/** One stream's: twice the connections that Envoy's overload manager lets be open. Of the longest silent is not known what was told. */
const maxConnections = 100_000;

const nothing: CountedBytes = { sent: 0, received: 0 };

/** The connections of one stream of entries. */
export class ConnectionBytes {
  /** The longest silent first. */
  readonly #told = new Map<string, CountedBytes>();

  /**
   * What earlier entries told of the connection of `entry`. Undefined where that is not known: it was open before this stream, and
   * another Mixer may have been told.
   */
  before(entry: TCPAccessLogEntry): CountedBytes | undefined {
    const { streamId = '', accessLogType, upstreamRemoteAddress } = entry.commonProperties ?? {};
    const isNew = accessLogType === AccessLogType.TcpUpstreamConnected || upstreamRemoteAddress === undefined;
    const told = this.#told.get(streamId) ?? (isNew ? nothing : undefined);
    this.#told.delete(streamId);
    if (accessLogType === AccessLogType.TcpConnectionEnd) return told;
    const [longestSilent] = this.#told.size >= maxConnections ? this.#told.keys() : [];
    if (longestSilent !== undefined) this.#told.delete(longestSilent);
    this.#told.set(streamId, bytesSoFar(entry));
    return told;
  }
}
