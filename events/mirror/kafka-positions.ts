// Reads a small compacted topic to its end without a consumer group: the last value of each key.
import { type BaseOptions, Consumer } from '@platformatic/kafka';
import { MeshError } from '../../lib/mesh-error.ts';

/** Bytes asked for at a time; the whole topic is a few records long between compactions. */
const fetchBytes = 1024 * 1024;

/** What a read needs: connection options of the client, and the topic, which has one partition. */
export interface ReadPositions {
  readonly connection: BaseOptions;
  readonly topic: string;
}

/** The newest value of `key`; undefined when there is none. Rejects with what the client rejects with. */
export async function newestValue({ connection, topic }: ReadPositions, key: string): Promise<string | undefined> {
  // The group is never joined: the client only wants its name.
  const consumer: Consumer = new Consumer({ ...connection, groupId: `${connection.clientId}-positions` });
  try {
    const ends = await consumer.listOffsets({ topics: [topic], partitions: { [topic]: [0] } });
    const end = ends.get(topic)?.[0] ?? 0n;
    let newest: string | undefined;
    for (let next = 0n; next < end; ) {
      const response = await fetchFrom(consumer, topic, next);
      const partition = response.responses[0]?.partitions[0];
      const batches = partition?.records ?? [];
      const last = batches.at(-1);
      if (last === undefined) {
        // What lies before was compacted or cut away.
        const start = partition?.logStartOffset ?? end;
        if (start <= next) throw new MeshError('unavailable', `the topic ${topic} can't be read at ${next} of ${end}`);
        next = start;
        continue;
      }
      for (const { records } of batches)
        for (const record of records)
          if (record.key?.toString() === key) newest = record.value?.toString() ?? undefined;
      next = last.firstOffset + BigInt(last.lastOffsetDelta) + 1n;
    }
    return newest;
  } finally {
    await closed(consumer);
  }
}

async function fetchFrom(consumer: Consumer, topic: string, fetchOffset: bigint) {
  const metadata = await consumer.metadata({ topics: [topic] });
  const found = metadata.topics.get(topic);
  const leader = found?.partitions[0];
  if (found === undefined || leader === undefined) throw new MeshError('unavailable', `there is no topic ${topic}`);
  const where = { partition: 0, fetchOffset, partitionMaxBytes: fetchBytes };
  const partitions = [{ ...where, currentLeaderEpoch: -1, lastFetchedEpoch: -1 }];
  const how = { minBytes: 1, maxBytes: fetchBytes, maxWaitTime: 1_000, isolationLevel: 0 };
  return await consumer.fetch({ ...how, node: leader.leader, topics: [{ topicId: found.id, partitions }] });
}

async function closed(consumer: Consumer): Promise<void> {
  try {
    // Its types hide that this gives a promise.
    await Promise.resolve(consumer.close(true));
  } catch {
    // Its connections have broken: there is nothing left to close.
  }
}
