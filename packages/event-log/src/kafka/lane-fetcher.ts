import { AssayError, type Lane, type LaneKey, laneKey, OutageError, type Position, position } from '@assay/core'
import type { ReadLimits, ReadResult } from '../event-log.js'
import { unknownLane } from '../log-errors.js'
import type { Cluster, Topic } from './cluster.js'
import { Fetched } from './fetched.js'
import { type LaneEnds, laneEnds } from './lane-ends.js'
import { fetchLane } from './protocol/fetch-api.js'
import { BrokerError, errorName } from './protocol/kafka-errors.js'

/** A batch whose bytes are damaged is fetched so often before that is said. */
const CORRUPT_TRIES = 3

interface Kept {
  readonly topicId: string
  readonly fetched: Fetched
}

/** Reads lanes by position; what a fetch brought beyond a read's limits is kept for the next one. */
export class LaneFetcher {
  readonly #cluster: Cluster
  /** In order of use; the least lately used goes first when it gets too much. */
  readonly #kept = new Map<LaneKey, Kept>()
  /** Identity of each topic as the caller knows it: offsets of another topic mean nothing to them. */
  readonly #known = new Map<string, string>()

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  /** Notes that the topic's name stands for this topic from here on. */
  know(topic: Topic): void {
    this.#known.set(topic.name, topic.id)
  }

  async read(lane: Lane, from: Position, limits: ReadLimits, epoch: number | undefined): Promise<ReadResult> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#read(lane, from, limits, epoch)
      } catch (error) {
        this.#kept.delete(laneKey(lane))
        const isCorrupt = error instanceof AssayError && error.code === 'log_corrupt'
        if (!isCorrupt || tries === CORRUPT_TRIES) throw error
      }
    }
  }

  async #read(lane: Lane, from: Position, limits: ReadLimits, epoch: number | undefined): Promise<ReadResult> {
    let wasKept = false
    const found = await this.#cluster.retry(`reading ${laneKey(lane)}`, async (isLater) => {
      const topic = await this.#topic(lane, isLater)
      const kept = this.#keptFrom(lane, topic, from)
      wasKept = kept !== undefined
      return kept ?? this.#fetch(topic, lane, from, epoch)
    })
    if (!(found instanceof Fetched)) return found
    const batches = found.take({ records: limits.maxRecords, bytes: limits.maxBytes })
    if (!found.hasMore) this.#kept.delete(laneKey(lane))
    const { next, end, epoch: reached } = found
    // The kept response ended within a batch.
    if (wasKept && next === from && !found.hasMore) return this.#read(lane, from, limits, epoch)
    return {
      kind: 'records',
      batches,
      next,
      end: end > next ? end : next,
      ...(next > from && reached !== undefined && { epoch: reached }),
    }
  }

  async #topic(lane: Lane, isLatest: boolean): Promise<Topic> {
    const topic = await this.#cluster.topic(lane.topic, isLatest)
    const known = this.#known.get(lane.topic)
    if (topic && known !== undefined && known !== topic.id) {
      throw new OutageError('topic_changed', `${lane.topic} was deleted and made again`, {
        hint: 'ask lanes() which topic it is before you read it',
      })
    }
    if (!topic?.leaders[lane.partition]) throw unknownLane(lane)
    return topic
  }

  #keptFrom(lane: Lane, topic: Topic, from: Position): Fetched | undefined {
    const kept = this.#kept.get(laneKey(lane))
    if (!kept) return undefined
    this.#kept.delete(laneKey(lane))
    if (kept.topicId !== topic.id || kept.fetched.next !== from) return undefined
    this.#kept.set(laneKey(lane), kept)
    return kept.fetched
  }

  async #fetch(
    topic: Topic,
    lane: Lane,
    from: Position,
    epoch: number | undefined,
  ): Promise<Fetched | Exclude<ReadResult, { kind: 'records' }>> {
    const { fetch_bytes, batch_bytes_max } = this.#cluster.settings.limits
    const leaderEpoch = topic.leaders[lane.partition]?.epoch ?? -1
    const found = await this.#cluster.onLeader(topic, lane, 'read', (to) =>
      fetchLane(to, {
        topicId: topic.id,
        partition: lane.partition,
        from,
        leaderEpoch,
        lastEpoch: epoch ?? -1,
        bytes: fetch_bytes,
      }),
    )
    const answer = errorName(found.error)
    if (answer === 'OFFSET_OUT_OF_RANGE') return this.#outOfRange(topic, lane, from)
    if (found.error !== 0) throw new BrokerError(answer)
    if (found.divergedEnd !== undefined) {
      const end = found.divergedEnd < 0n ? 0n : found.divergedEnd
      return { kind: 'diverged', end: end < from ? position(end) : from }
    }
    const fetched = new Fetched(lane, from, found, batch_bytes_max)
    this.#keep(laneKey(lane), { topicId: topic.id, fetched })
    return fetched
  }

  /** The answer doesn't say what the lane holds. */
  async #outOfRange(topic: Topic, lane: Lane, from: Position): Promise<Exclude<ReadResult, { kind: 'records' }>> {
    const ends: ReadonlyMap<number, LaneEnds> = await laneEnds(this.#cluster, topic, [lane.partition])
    const { start, end } = ends.get(lane.partition) ?? {}
    // A leader that has just begun may not know yet how far it may show its log.
    if (start === undefined || end === undefined || (from >= start && from <= end)) {
      throw new BrokerError('OFFSET_NOT_AVAILABLE')
    }
    return { kind: 'out_of_range', start: position(start), end: position(end) }
  }

  #keep(key: LaneKey, kept: Kept): void {
    this.#kept.delete(key)
    this.#kept.set(key, kept)
    let bytes = 0
    for (const one of this.#kept.values()) bytes += one.fetched.bytes
    for (const [old, { fetched }] of this.#kept) {
      if (bytes <= this.#cluster.settings.limits.buffer_bytes || old === key) break
      this.#kept.delete(old)
      bytes -= fetched.bytes
    }
  }
}
