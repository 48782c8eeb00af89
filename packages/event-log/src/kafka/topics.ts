import { ConfigResourceTypes, createTopicsV7, describeConfigsV4, metadataV12 } from '@platformatic/kafka'
import type { TopicDescription, TopicFinding } from '../event-log.js'
import { checkTopic } from '../topic-name.js'
import { type Cluster, metadataIn, type Topic } from './cluster.js'
import { answerOf, BrokerError, checkAnswer } from './protocol/kafka-errors.js'

/** What a batch may have over the largest record, so that records are not compressed one by one. */
const BATCH_SPARE_BYTES = 1024 * 1024

/** Makes a topic unless it is there, and waits until it can be used. */
export async function ensureTopic(cluster: Cluster, topic: string, partitions: number): Promise<void> {
  checkTopic(topic, partitions)
  const doing = `making the topic ${topic}`
  await cluster.retry(doing, async () => {
    const found = (await cluster.topic(topic, true)) ?? (await createTopic(cluster, topic, partitions))
    if (!found || found.leaders.some(({ node }) => node < 0)) throw new BrokerError('LEADER_NOT_AVAILABLE')
  })
}

async function createTopic(cluster: Cluster, name: string, partitions: number): Promise<Topic | undefined> {
  const { limits, topics } = cluster.settings
  const { replicationFactor = -1, minInsyncReplicas, retention_bytes = -1 } = topics
  const configs = {
    'cleanup.policy': 'delete',
    'max.message.bytes': limits.record_bytes_max + BATCH_SPARE_BYTES,
    // Records carry the time of the trade, not of the append: nothing may be judged by its age.
    'message.timestamp.type': 'CreateTime',
    'message.timestamp.before.max.ms': 2n ** 63n - 1n,
    'message.timestamp.after.max.ms': 2n ** 63n - 1n,
    'retention.ms': -1,
    'retention.bytes': retention_bytes,
    ...(minInsyncReplicas !== undefined && { 'min.insync.replicas': minInsyncReplicas }),
  }
  try {
    await cluster.onAny(({ connection }) =>
      createTopicsV7.api.async(
        connection,
        [
          {
            name,
            numPartitions: partitions,
            replicationFactor,
            assignments: [],
            configs: Object.entries(configs).map(([key, value]) => ({ name: key, value: String(value) })),
          },
        ],
        limits.request_ms_max,
        false,
      ),
    )
  } catch (error) {
    if (answerOf(error) !== 'TOPIC_ALREADY_EXISTS') throw error
  }
  return cluster.topic(name, true)
}

/** A topic's settings by name, those that are the broker's defaults included. */
export async function topicSettings(cluster: Cluster, topic: string, names: string[]): Promise<Map<string, string>> {
  const { results } = await cluster.onAny(({ connection }) =>
    describeConfigsV4.api.async(
      connection,
      [{ resourceType: ConfigResourceTypes.TOPIC, resourceName: topic, configurationKeys: names }],
      false,
      false,
    ),
  )
  return new Map(results.flatMap(({ configs }) => configs.map(({ name, value }) => [name, value ?? ''])))
}

/** Looks whether a topic, whoever made it, is set up as Assay needs it. Nothing found: it is. */
export async function inspectTopic(cluster: Cluster, topic: string): Promise<TopicFinding[]> {
  const settings = await cluster.retry(`looking up the settings of ${topic}`, () =>
    topicSettings(cluster, topic, ['cleanup.policy', 'message.timestamp.type', 'retention.ms']),
  )
  const findings: TopicFinding[] = []
  const check = (
    setting: string,
    isRight: (value: string) => boolean,
    rest: Pick<TopicFinding, 'severity' | 'message'>,
  ) => {
    const value = settings.get(setting) ?? ''
    if (!isRight(value)) findings.push({ topic, setting, value, ...rest })
  }
  check('message.timestamp.type', (value) => value === 'CreateTime', {
    severity: 'refuse',
    message: 'the broker replaces event times by its own clock: trades would be judged by it; set CreateTime',
  })
  check('retention.ms', (value) => value === '-1', {
    severity: 'warn',
    message:
      'the broker deletes by age, and old trades are old when they come: limit by size (retention.bytes) instead',
  })
  check('cleanup.policy', (value) => value === 'delete', {
    severity: 'warn',
    message: 'the broker drops all but the newest record of a key: trades that were not read yet get lost; set delete',
  })
  return findings
}

/** Settings that say how long and how safely records are kept. */
const KEEPING = ['min.insync.replicas', 'retention.bytes', 'retention.ms']
/** Error code of a topic that is not there. */
const UNKNOWN_TOPIC = 3
/** Bits of the operations that a client is allowed (KIP-430). */
const READ = 1 << 3
const WRITE = 1 << 4
const UNSAID = -(2 ** 31)

/** How the brokers keep a topic, and what they let us do with it. */
export function describeTopic(cluster: Cluster, topic: string): Promise<TopicDescription | undefined> {
  return cluster.retry(`looking at ${topic}`, async () => {
    const { topics } = await cluster.onAny(({ connection }) =>
      metadataV12.api.async(connection, [topic], false, true).catch(metadataIn),
    )
    const [found] = topics
    if (!found || found.errorCode === UNKNOWN_TOPIC) return undefined
    checkAnswer(found.errorCode)
    const { topicAuthorizedOperations: allowed } = found
    return {
      partitions: found.partitions
        .toSorted((a, b) => a.partitionIndex - b.partitionIndex)
        .map(({ leaderId, replicaNodes, isrNodes }) => ({
          leader: leaderId,
          replicas: replicaNodes.length,
          inSync: isrNodes.length,
        })),
      settings: await topicSettings(cluster, topic, KEEPING),
      ...(allowed !== UNSAID && { rights: { mayRead: (allowed & READ) !== 0, mayWrite: (allowed & WRITE) !== 0 } }),
    }
  })
}
