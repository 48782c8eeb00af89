import { type Lane, type Position, type ProduceBatch, position } from '@assay/core'
import type {
  EventLog,
  LaneAssignment,
  LaneStatus,
  ProducedRange,
  ReadLimits,
  ReadResult,
  TopicDescription,
  TopicFinding,
} from '../event-log.js'
import { logClosed } from '../log-errors.js'
import { WakeUps } from '../wake-ups.js'
import { Cluster, type Topic } from './cluster.js'
import { GroupAssignment } from './group-assignment.js'
import { KafkaProducer } from './kafka-producer.js'
import { laneEnds, laneTails } from './lane-ends.js'
import { LaneFetcher } from './lane-fetcher.js'
import { BrokerError } from './protocol/kafka-errors.js'
import { type KafkaLogOptions, readKafkaOptions } from './protocol/kafka-options.js'
import { describeTopic, ensureTopic, inspectTopic } from './topics.js'

/** How long a topic that isn't there is taken for missing by those who wait for its records. */
const MISSING_MS = 1_000

type At = { readonly lane: Lane; readonly position: Position }

/** Opens the log; `openKafkaLog` loads this module only when it is called. */
export async function connectKafkaLog(options: KafkaLogOptions): Promise<KafkaLog> {
  const cluster = new Cluster(readKafkaOptions(options))
  try {
    await cluster.retry('connecting to Kafka', () => cluster.onAny(async () => undefined))
  } catch (error) {
    await cluster.close()
    throw error
  }
  return new KafkaLog(cluster)
}

/** Lanes of a Kafka cluster, read by position only. Made by `openKafkaLog`. */
export class KafkaLog implements EventLog {
  readonly #cluster: Cluster
  readonly #fetcher: LaneFetcher
  readonly #producer: KafkaProducer
  readonly #wakeUps = new WakeUps()
  readonly #underWay = new Set<Promise<unknown>>()
  #groups = 0

  constructor(cluster: Cluster) {
    this.#cluster = cluster
    this.#fetcher = new LaneFetcher(cluster)
    this.#producer = new KafkaProducer(cluster)
  }

  ensureTopic(topic: string, partitions: number): Promise<void> {
    return this.#do(() => ensureTopic(this.#cluster, topic, partitions))
  }

  /** What speaks against reading a topic as it is set up; nothing for one that `ensureTopic` made. */
  inspectTopic(topic: string): Promise<readonly TopicFinding[]> {
    return this.#do(() => inspectTopic(this.#cluster, topic))
  }

  describeTopic(topic: string): Promise<TopicDescription | undefined> {
    return this.#do(() => describeTopic(this.#cluster, topic))
  }

  lanes(name: string): Promise<readonly LaneStatus[]> {
    return this.#do(async () => {
      return this.#cluster.retry(`looking up ${name}`, async (isLater) => {
        const topic = await this.#cluster.topic(name, isLater)
        if (!topic) return []
        const statuses = await this.#statuses(topic)
        this.#fetcher.know(topic)
        return statuses
      })
    })
  }

  read(lane: Lane, from: Position, limits: ReadLimits, epoch?: number): Promise<ReadResult> {
    return this.#do(() => this.#fetcher.read(lane, from, limits, epoch))
  }

  produce(topic: string, batch: ProduceBatch): Promise<readonly ProducedRange[]> {
    return this.#do(async () => {
      const ranges = await this.#producer.produce(topic, batch)
      this.#wakeUps.wakeAll()
      return ranges
    })
  }

  waitForRecords(positions: readonly At[], timeout_ms: number, signal?: AbortSignal): Promise<void> {
    return this.#do(async () => {
      const { closing, settings } = this.#cluster
      const stop = signal ? AbortSignal.any([signal, closing]) : closing
      const missing = new Map<string, number>()
      const times = { poll_ms: settings.limits.poll_ms, timeout_ms, clock: settings.clock }
      await this.#wakeUps.until(() => this.#haveRecords(positions, missing, stop), times, stop)
    })
  }

  async assign(group: string, topic: string): Promise<LaneAssignment> {
    this.#checkOpen()
    this.#groups += 1
    return new GroupAssignment(this.#cluster, group, topic, this.#groups)
  }

  async close(): Promise<void> {
    this.#cluster.stop()
    this.#wakeUps.wakeAll()
    await Promise.allSettled(this.#underWay)
    await this.#cluster.close()
  }

  /**
   * Offsets are asked for by the topic's name. So each leader is asked once more what the name stands for, after it
   * has told the offsets: if that is still the same topic, they are that topic's.
   */
  async #statuses(topic: Topic): Promise<LaneStatus[]> {
    const partitions = topic.leaders.map((_, partition) => partition)
    const found = await laneEnds(this.#cluster, topic, partitions, async ({ connection }) => {
      const after = await this.#cluster.describe(connection, topic.name)
      if (after?.id !== topic.id || after.leaders.length !== topic.leaders.length) {
        throw new BrokerError('INCONSISTENT_TOPIC_ID')
      }
    })
    const topicId = `${topic.clusterId}:${topic.id}`
    return partitions.map((partition) => {
      const { start, end } = found.get(partition) ?? { start: 0n, end: 0n }
      return { lane: { topic: topic.name, partition }, topicId, start: position(start), end: position(end) }
    })
  }

  /** True when records have come, and also when the waiting is to end. */
  async #haveRecords(positions: readonly At[], missing: Map<string, number>, stop: AbortSignal): Promise<boolean> {
    try {
      const names = [...new Set(positions.map(({ lane }) => lane.topic))]
      const found = await Promise.all(
        names.map((name) => {
          const own = positions.filter(({ lane }) => lane.topic === name)
          return this.#cluster.retry(
            `waiting for records of ${name}`,
            (isLater) => this.#topicHas(name, own, missing, isLater),
            stop,
          )
        }),
      )
      return found.includes(true)
    } catch (error) {
      if (stop.aborted) return true
      throw error
    }
  }

  async #topicHas(name: string, own: readonly At[], missing: Map<string, number>, isLater: boolean): Promise<boolean> {
    const now_ms = this.#cluster.settings.clock.monotonic_ms()
    if (now_ms < (missing.get(name) ?? now_ms)) return false
    const topic = await this.#cluster.topic(name, isLater)
    if (!topic) {
      missing.set(name, now_ms + MISSING_MS)
      return false
    }
    const partitions = own.map(({ lane }) => lane.partition).filter((partition) => topic.leaders[partition])
    const tails = await laneTails(this.#cluster, topic, partitions)
    return own.some(({ lane, position: at }) => (tails.get(lane.partition) ?? 0n) > at)
  }

  #checkOpen(): void {
    if (this.#cluster.closing.aborted) throw logClosed()
  }

  async #do<T>(step: () => Promise<T>): Promise<T> {
    this.#checkOpen()
    const running = step()
    this.#underWay.add(running)
    try {
      return await running
    } finally {
      this.#underWay.delete(running)
    }
  }
}
