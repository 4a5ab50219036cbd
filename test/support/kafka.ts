// A real Kafka broker for tests: one node in KRaft mode on a folder of its own; kill it, start it again.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Admin, Consumer, type Message, stringDeserializers } from '@platformatic/kafka';
import { guardChild } from '../../agent/watchdog.ts';
import { freePorts } from './free-port.ts';
import { findKafka } from './kafka-install.ts';
import { mustRun } from './run-program.ts';
import { type TestCertificate, testCertificate } from './test-certificate.ts';
import { waitFor } from './wait-for.ts';

/** A message as text. */
export type TextMessage = Message<string, string, string, string>;

/** One broker with a plaintext listener and one that asks for TLS and a login. */
export class TestKafka {
  /** `host:port` of the plaintext listener. */
  readonly address: string;
  /** `host:port` of the listener with TLS and SASL; user `mirror`, password `secret`. */
  readonly secureAddress: string;
  /** PEM file of the authority that signed the secure listener's certificate. */
  readonly caFile: string;
  readonly #classPath: string;
  readonly #folder: string;
  #process: ChildProcess | undefined;
  #output = '';

  private constructor(classPath: string, ports: readonly number[], folder: string) {
    this.#classPath = classPath;
    this.#folder = folder;
    const [plain = 0, secure = 0, controller = 0] = ports;
    this.address = `127.0.0.1:${plain}`;
    this.secureAddress = `localhost:${secure}`;
    this.caFile = join(folder, 'ca.pem');
    const certificate = testCertificate('localhost');
    writeFileSync(this.caFile, certificate.certificate);
    writeFileSync(join(folder, 'server.properties'), properties({ plain, secure, controller, folder, certificate }));
  }

  /** Starts a broker, or gives why none can be had. */
  static async start(): Promise<TestKafka | { readonly why: string }> {
    const found = await findKafka();
    if ('why' in found) return found;
    const kafka = new TestKafka(found.classPath, await freePorts(3), mkdtempSync(join(tmpdir(), 'periplus-kafka-')));
    const id = randomBytes(16).toString('base64url');
    const scram = 'SCRAM-SHA-512=[name=mirror,password=secret]';
    const format = ['format', '-t', id, '-c', join(kafka.#folder, 'server.properties'), '--add-scram', scram];
    await mustRun('java', ['-cp', found.classPath, 'kafka.tools.StorageTool', ...format], { limitMs: 120_000 });
    await kafka.restart();
    return kafka;
  }

  /** kill -9; resolves when it is gone. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }

  /**
   * Starts it on what it has stored; resolves when it answers. A client that keeps dialling a closed port can connect to itself and hold
   * it for a moment: a broker that ends at once is started again.
   */
  async restart(): Promise<void> {
    await this.kill();
    let child = this.#spawn();
    let startsLeft = 5;
    const answers = async () => {
      if (child.exitCode !== null) {
        if (startsLeft-- === 0) throw new Error(`Kafka ended with ${child.exitCode}: ${this.#output}`);
        child = this.#spawn();
      }
      return (await this.topics()) !== undefined;
    };
    await waitFor(answers, { limitMs: 120_000, everyMs: 300, what: () => `Kafka to answer: ${this.#output}` });
  }

  #spawn(): ChildProcess {
    const java = ['-Xmx256m', '-cp', this.#classPath, 'kafka.Kafka', join(this.#folder, 'server.properties')];
    const child = spawn('java', java, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#process = child;
    guardChild(child);
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => (this.#output = (this.#output + chunk).slice(-10_000)));
    return child;
  }

  /** Names of the topics; undefined while it does not answer. */
  async topics(): Promise<readonly string[] | undefined> {
    const admin = new Admin({ clientId: 'test', bootstrapBrokers: [this.address], retries: 0, connectTimeout: 2_000 });
    try {
      return await admin.listTopics();
    } catch {
      return undefined;
    } finally {
      await Promise.resolve(admin.close()).catch(() => {});
    }
  }

  /** Makes a topic. */
  async createTopic(topic: string, partitions: number, configs: Readonly<Record<string, string>> = {}): Promise<void> {
    const admin = new Admin({ clientId: 'test', bootstrapBrokers: [this.address] });
    const settings = Object.entries(configs).map(([name, value]) => ({ name, value }));
    await admin.createTopics({ topics: [topic], partitions, replicas: 1, configs: settings });
    await admin.close();
  }

  /** Everything that is in a topic, in order within each partition. */
  async read(topic: string): Promise<readonly TextMessage[]> {
    const consumer = new Consumer<string, string, string, string>({
      clientId: 'test',
      groupId: `test-${randomBytes(6).toString('hex')}`,
      bootstrapBrokers: [this.address],
      deserializers: stringDeserializers,
    });
    try {
      const ends = (await consumer.listOffsets({ topics: [topic] })).get(topic) ?? [];
      const starts = (await consumer.listOffsets({ topics: [topic], timestamp: -2n })).get(topic) ?? [];
      const left = new Set(ends.flatMap((end, partition) => (end > (starts[partition] ?? 0n) ? [partition] : [])));
      const messages: TextMessage[] = [];
      if (left.size === 0) return messages;
      const stream = await consumer.consume({ topics: [topic], mode: 'earliest', autocommit: false, maxWaitTime: 100 });
      for await (const message of stream) {
        messages.push(message);
        if (message.offset >= (ends[message.partition] ?? 0n) - 1n) left.delete(message.partition);
        if (left.size === 0) break;
      }
      return messages;
    } finally {
      await Promise.resolve(consumer.close(true)).catch(() => {});
    }
  }

  /** Kills it and deletes what it has stored. */
  async dispose(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

interface Broker {
  readonly plain: number;
  readonly secure: number;
  readonly controller: number;
  readonly folder: string;
  readonly certificate: TestCertificate;
}

/** kafka.apache.org/documentation: one node that is broker and controller; its own topics have one copy. */
function properties({ plain, secure, controller, folder, certificate }: Broker): string {
  const pem = (text: string) => text.trim().replaceAll('\n', '\\n');
  return `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${controller}
listeners=PLAINTEXT://127.0.0.1:${plain},SASL_SSL://127.0.0.1:${secure},CONTROLLER://127.0.0.1:${controller}
advertised.listeners=PLAINTEXT://127.0.0.1:${plain},SASL_SSL://localhost:${secure}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs=${join(folder, 'data')}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_mirror="secret";
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.certificate.chain=${pem(certificate.certificate)}
ssl.keystore.key=${pem(certificate.privateKey)}
`;
}
