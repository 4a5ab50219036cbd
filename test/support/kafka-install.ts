// Kafka to test with: a pinned release from Maven Central, installed once into the cache with Maven; it runs on the machine's Java.
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from '../../agent/envoy-binary.ts';
import { withInstallLock } from '../../agent/install-lock.ts';
import { runProgram } from './run-program.ts';

/** Release of `org.apache.kafka:kafka_2.13`. */
export const kafkaVersion = '4.1.0';

/** SHA-256 of the broker's own jar; its dependencies are checked by Maven against the registry's checksums. */
const brokerJar = {
  name: `kafka_2.13-${kafkaVersion}.jar`,
  sha256: '0de0471a4c7a9e734c166822a26a4bb064eb81cb2c7a8b1345912cad78997a7b',
} as const;

const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
  <groupId>test</groupId><artifactId>kafka</artifactId><version>1</version>
  <dependencies><dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${kafkaVersion}</version></dependency></dependencies>
</project>
`;

/** The broker's class path, or why there is none. Says on standard error what is being fetched. */
export async function findKafka(): Promise<{ readonly classPath: string } | { readonly why: string }> {
  const java = await runProgram('java', ['-version']).catch(() => undefined);
  const major = Number(/version "(\d+)/.exec(java?.output ?? '')?.[1] ?? 0);
  if (major < 17) return { why: 'Kafka needs Java 17 or later' };
  const folder = join(cacheFolder(), `kafka-${kafkaVersion}`);
  try {
    if (!isInstalled(folder)) await withInstallLock({ path: `${folder}.lock` }, () => install(folder));
    return { classPath: join(folder, '*') };
  } catch (error) {
    return { why: error instanceof Error ? error.message : String(error) };
  }
}

function isInstalled(folder: string): boolean {
  try {
    return readdirSync(folder).includes(brokerJar.name);
  } catch {
    return false;
  }
}

/** The folder gets its name by one rename, so that a half-finished one is never used. */
async function install(folder: string): Promise<void> {
  if (isInstalled(folder)) return;
  process.stderr.write(`fetching Kafka ${kafkaVersion} (43 MB, once) …\n`);
  const staging = `${folder}.staging-${process.pid}`;
  try {
    mkdirSync(staging, { recursive: true });
    writeFileSync(join(staging, 'pom.xml'), pom);
    const jars = join(staging, 'jars');
    const args = [
      '-q',
      '-B',
      '-C',
      '-f',
      join(staging, 'pom.xml'),
      'dependency:copy-dependencies',
      `-DoutputDirectory=${jars}`,
    ];
    const { code, output } = await runProgram('mvn', args, { limitMs: 600_000 });
    if (code !== 0) throw new Error(`Maven can't fetch Kafka: ${output.trim().split('\n').slice(-3).join(' / ')}`);
    const sha256 = createHash('sha256')
      .update(readFileSync(join(jars, brokerJar.name)))
      .digest('hex');
    if (sha256 !== brokerJar.sha256) throw new Error(`${brokerJar.name} has another content than expected: ${sha256}`);
    renameSync(jars, folder);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}
