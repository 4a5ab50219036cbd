// A fake of KurrentDB's gRPC API, since no server can be had here: the published protocol (docs.kurrent.io; the client's own protos) over streams in memory.
import { randomUUID } from 'node:crypto';
import {
  type handleBidiStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  Server,
  ServerCredentials,
  type ServerWritableStream,
} from '@grpc/grpc-js';
import serverFeaturesGrpc from '@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/serverfeatures_grpc_pb.js';
import serverFeatures from '@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/serverfeatures_pb.js';
import shared from '@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/shared_pb.js';
import status from '@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/status_pb.js';
import streamsGrpc from '@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/streams_grpc_pb.js';
import streams from '@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/streams_pb.js';
import any from 'google-protobuf/google/protobuf/any_pb.js';

type ReadReq = InstanceType<typeof streams.ReadReq>;
type ReadResp = InstanceType<typeof streams.ReadResp>;
type BatchAppendReq = InstanceType<typeof streams.BatchAppendReq>;
type BatchAppendResp = InstanceType<typeof streams.BatchAppendResp>;
type Proposed = InstanceType<typeof streams.BatchAppendReq.ProposedMessage>;
type Reader = ServerWritableStream<ReadReq, ReadResp>;

/** A record as it lies in a stream; its revision is its index. */
export interface StoredRecord {
  readonly id: string;
  readonly type: string;
  readonly contentType: string;
  data: Uint8Array;
  readonly metadata: Uint8Array;
}

/** The server's default MaxAppendSize. */
const maxAppendBytes = 1024 * 1024;

/** One fake server on a port of its own. What it does not do: clusters, users, scavenging, $all, persistent subscriptions. */
export class FakeKurrentDb {
  readonly streams = new Map<string, StoredRecord[]>();
  readonly #followers = new Set<() => void>();
  #server = new Server();
  port = 0;
  /** Stores the next append without acknowledging it, as a connection that breaks does. */
  loseNextAcknowledgement = false;

  static async start(): Promise<FakeKurrentDb> {
    const fake = new FakeKurrentDb();
    await fake.listen();
    return fake;
  }

  /** Opens its port, the same one again after `stop`. */
  async listen(): Promise<void> {
    this.#server = new Server();
    this.#server.addService(serverFeaturesGrpc.ServerFeaturesService, { getSupportedMethods });
    const [read, batchAppend, remove] = [this.#read, this.#batchAppend, this.#delete];
    const unknown = () => {};
    this.#server.addService(streamsGrpc.StreamsService, {
      read,
      batchAppend,
      delete: remove,
      append: unknown,
      tombstone: unknown,
    });
    const address = `127.0.0.1:${this.port}`;
    this.port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      );
    });
  }

  /** Ends all connections; streams are kept. */
  stop(): void {
    this.#followers.clear();
    this.#server.forceShutdown();
  }

  readonly #read: handleServerStreamingCall<ReadReq, ReadResp> = (call) => {
    const options = call.request.getOptions();
    const place = options?.getStream();
    if (options === undefined || place === undefined) return void call.destroy(new Error('only streams are read here'));
    const name = nameOf(place.getStreamIdentifier());
    if (options.hasSubscription())
      return this.#follow(call, name, place.hasRevision() ? Number(place.getRevision()) + 1 : 0);
    const records = this.streams.get(name);
    if (records === undefined) {
      call.write(
        new streams.ReadResp().setStreamNotFound(
          new streams.ReadResp.StreamNotFound().setStreamIdentifier(place.getStreamIdentifier()),
        ),
      );
      return void call.end();
    }
    const count = Math.min(Number(options.getCount()), records.length);
    const backwards = options.getReadDirection() === streams.ReadReq.Options.ReadDirection.BACKWARDS;
    const first = place.hasEnd() ? records.length - 1 : place.hasStart() ? 0 : Number(place.getRevision());
    for (let step = 0; step < count; step++) {
      const revision = backwards ? first - step : first + step;
      const record = records[revision];
      if (record !== undefined) call.write(readResponse(name, revision, record));
    }
    call.end();
  };

  #follow(call: Reader, name: string, from: number): void {
    call.write(
      new streams.ReadResp().setConfirmation(
        new streams.ReadResp.SubscriptionConfirmation().setSubscriptionId(randomUUID()),
      ),
    );
    let next = from;
    const wake = () => {
      const records = this.streams.get(name) ?? [];
      for (; next < records.length; next++) {
        const record = records[next];
        if (record !== undefined) call.write(readResponse(name, next, record));
      }
    };
    this.#followers.add(wake);
    call.on('cancelled', () => {
      this.#followers.delete(wake);
      call.end();
    });
    wake();
  }

  readonly #batchAppend: handleBidiStreamingCall<BatchAppendReq, BatchAppendResp> = (call) => {
    const parts = new Map<
      string,
      { options: BatchAppendReq['getOptions'] extends () => infer T ? T : never; messages: Proposed[] }
    >();
    call.on('data', (request: BatchAppendReq) => {
      const correlation = request.getCorrelationId();
      const key = correlation?.getString() ?? '';
      const part = parts.get(key) ?? { options: request.getOptions(), messages: [] };
      part.messages.push(...request.getProposedMessagesList());
      parts.set(key, part);
      if (!request.getIsFinal() || part.options === undefined) return;
      parts.delete(key);
      const answer = this.#append(part.options, part.messages).setCorrelationId(correlation);
      if (this.loseNextAcknowledgement) this.loseNextAcknowledgement = false;
      else call.write(answer.setStreamIdentifier(part.options.getStreamIdentifier()));
      for (const wake of this.#followers) wake();
    });
    call.on('end', () => call.end());
    call.on('error', () => {});
  };

  #append(
    options: NonNullable<ReturnType<BatchAppendReq['getOptions']>>,
    messages: readonly Proposed[],
  ): BatchAppendResp {
    const name = nameOf(options.getStreamIdentifier());
    const stored = this.streams.get(name) ?? [];
    const expected = options.hasNoStream()
      ? 0
      : options.hasStreamPosition()
        ? Number(options.getStreamPosition()) + 1
        : stored.length;
    const bytes = messages.reduce(
      (sum, one) => sum + one.getData_asU8().length + one.getCustomMetadata_asU8().length,
      0,
    );
    if (bytes > maxAppendBytes)
      return refusal(
        'MaximumAppendSizeExceeded',
        new shared.MaximumAppendSizeExceeded().setMaxappendsize(maxAppendBytes),
      );
    const ids = messages.map((message) => message.getId()?.getString() ?? '');
    // docs: an append of events that lie after the expected revision already is taken for its retry.
    const isRetry = ids.every((id, i) => stored[expected + i]?.id === id);
    if (expected !== stored.length && !isRetry) {
      const problem = new shared.WrongExpectedVersion();
      return refusal(
        'WrongExpectedVersion',
        problem.setCurrentStreamRevision(String(stored.length - 1)).setExpectedStreamPosition(String(expected - 1)),
      );
    }
    if (expected === stored.length) this.streams.set(name, [...stored, ...messages.map(recordOf)]);
    return new streams.BatchAppendResp().setSuccess(
      new streams.BatchAppendResp.Success().setCurrentRevision(String(expected + messages.length - 1)),
    );
  }

  readonly #delete: handleUnaryCall<InstanceType<typeof streams.DeleteReq>, InstanceType<typeof streams.DeleteResp>> = (
    call,
    answer,
  ) => {
    this.streams.delete(nameOf(call.request.getOptions()?.getStreamIdentifier()));
    answer(null, new streams.DeleteResp());
  };
}

const getSupportedMethods: handleUnaryCall<unknown, InstanceType<typeof serverFeatures.SupportedMethods>> = (
  _,
  answer,
) => {
  const methods = new serverFeatures.SupportedMethods().setEventStoreServerVersion('25.0.0');
  for (const method of ['read', 'append', 'delete', 'tombstone', 'batchappend'])
    methods.addMethods(
      new serverFeatures.SupportedMethod().setServiceName('event_store.client.streams.streams').setMethodName(method),
    );
  answer(null, methods);
};

function nameOf(identifier: InstanceType<typeof shared.StreamIdentifier> | undefined): string {
  return Buffer.from(identifier?.getStreamName_asU8() ?? []).toString('utf8');
}

function recordOf(message: Proposed): StoredRecord {
  const metadata = message.getMetadataMap();
  return {
    id: message.getId()?.getString() ?? '',
    type: metadata.get('type') ?? '',
    contentType: metadata.get('content-type') ?? '',
    data: message.getData_asU8(),
    metadata: message.getCustomMetadata_asU8(),
  };
}

function readResponse(name: string, revision: number, record: StoredRecord): ReadResp {
  const event = new streams.ReadResp.ReadEvent.RecordedEvent()
    .setId(new shared.UUID().setString(record.id))
    .setStreamIdentifier(new shared.StreamIdentifier().setStreamName(Buffer.from(name)))
    .setStreamRevision(String(revision))
    .setPreparePosition(String(revision))
    .setCommitPosition(String(revision))
    .setCustomMetadata(record.metadata)
    .setData(record.data);
  const metadata = event.getMetadataMap();
  metadata.set('type', record.type);
  metadata.set('content-type', record.contentType);
  metadata.set('created', '17000000000000000');
  return new streams.ReadResp().setEvent(
    new streams.ReadResp.ReadEvent().setEvent(event).setCommitPosition(String(revision)),
  );
}

function refusal(name: string, details: { serializeBinary(): Uint8Array }): BatchAppendResp {
  const packed = new any.Any();
  packed.pack(details.serializeBinary(), `event_store.client.${name}`);
  return new streams.BatchAppendResp().setError(new status.Status().setMessage(name).setDetails(packed));
}
