import {
  AssayError,
  type Clock,
  DEFECT_HINT,
  type Lane,
  type Position,
  type ProduceBatch,
  position,
  type Random,
  type RecordBatch,
  START,
  systemClock,
  systemRandom,
} from '@assay/core'
import { decodeBatch, encodeGroup, readHeader } from './batch-format.js'
import { PRODUCE_LIMITS } from './defaults.js'
import type { EventLog, LaneAssignment, LaneStatus, ProducedRange, ReadLimits, ReadResult } from './event-log.js'
import { EVERY_LANE } from './lane-assignment.js'
import { logClosed, unknownLane, unknownTopic } from './log-errors.js'
import { type PlannedBatch, type ProduceLimits, planProduce } from './plan.js'
import { rowAt, takeRows } from './rows.js'
import { checkTopic } from './topic-name.js'
import { WakeUps } from './wake-ups.js'

const POLL_MS = 25

interface MemoryLogOptions {
  readonly clock?: Clock
  /** Source of the topics' ids. */
  readonly random?: Random
  readonly limits?: Partial<ProduceLimits>
}

interface MemoryLane {
  start: Position
  end: Position
  /** In offset order; between two of them, and at both ends, there may be holes. */
  batches: RecordBatch[]
  /** Where each leader epoch began; a truncation begins another. */
  epochs: Epoch[]
}

interface Epoch {
  readonly epoch: number
  readonly start: Position
}

interface MemoryTopic {
  readonly topicId: string
  readonly lanes: readonly MemoryLane[]
}

/** An event log in memory, for tests and simulations, with the mishaps that a real one has over the years. */
export class MemoryLog implements EventLog {
  readonly #topics = new Map<string, MemoryTopic>()
  readonly #wakeUps = new WakeUps()
  readonly #clock: Clock
  readonly #random: Random
  readonly #limits: ProduceLimits
  #keyless = 0
  #isClosed = false

  constructor({ clock = systemClock, random = systemRandom, limits = {} }: MemoryLogOptions = {}) {
    this.#clock = clock
    this.#random = random
    this.#limits = { ...PRODUCE_LIMITS, ...limits }
  }

  async ensureTopic(topic: string, partitions: number): Promise<void> {
    this.#checkOpen()
    checkTopic(topic, partitions)
    if (!this.#topics.has(topic)) this.#makeTopic(topic, partitions)
  }

  async lanes(topic: string): Promise<readonly LaneStatus[]> {
    this.#checkOpen()
    const found = this.#topics.get(topic)
    if (!found) return []
    return found.lanes.map(({ start, end }, partition) => ({
      lane: { topic, partition },
      topicId: found.topicId,
      start,
      end,
    }))
  }

  async read(lane: Lane, from: Position, limits: ReadLimits, epoch?: number): Promise<ReadResult> {
    this.#checkOpen()
    const { start, end, batches, epochs } = this.#lane(lane)
    if (from < start || from > end) return { kind: 'out_of_range', start, end }
    const later = epochs.find((one) => epoch !== undefined && one.epoch > epoch)
    if (later && later.start < from) return { kind: 'diverged', end: later.start }
    const budget = { records: limits.maxRecords, bytes: limits.maxBytes }
    const taken: RecordBatch[] = []
    let next = from
    let isCut = false
    for (const batch of batches) {
      const row = rowAt(batch, next)
      if (row === batch.count) continue
      const rows = takeRows(batch, row, budget, taken.length === 0)
      isCut = rows?.next !== batch.next
      if (rows) {
        taken.push(rows)
        next = rows.next
      }
      if (isCut) break
    }
    const reached = isCut ? next : end
    const last = epochs.findLast((one) => one.start < reached)
    return { kind: 'records', batches: taken, next: reached, end, ...(last && { epoch: last.epoch }) }
  }

  async produce(topic: string, batch: ProduceBatch): Promise<readonly ProducedRange[]> {
    this.#checkOpen()
    const found = this.#topics.get(topic)
    if (!found) throw unknownTopic(topic)
    this.#keyless += 1
    const plans = planProduce(batch, found.lanes.length, this.#keyless, this.#limits)
    const ranges: ProducedRange[] = []
    for (const [partition, batches] of plans) {
      const lane = { topic, partition }
      const from = this.#lane(lane).end
      ranges.push({ lane, from, to: this.#append(lane, batches) })
    }
    this.#wakeUps.wakeAll()
    return ranges
  }

  async waitForRecords(
    positions: readonly { readonly lane: Lane; readonly position: Position }[],
    timeout_ms: number,
    signal?: AbortSignal,
  ): Promise<void> {
    this.#checkOpen()
    const hasRecords = async (): Promise<boolean> =>
      this.#isClosed ||
      positions.some(({ lane, position: at }) => {
        const found = this.#topics.get(lane.topic)?.lanes[lane.partition]
        return found !== undefined && found.end > at
      })
    await this.#wakeUps.until(hasRecords, { poll_ms: POLL_MS, timeout_ms, clock: this.#clock }, signal)
  }

  async assign(): Promise<LaneAssignment> {
    return EVERY_LANE
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#wakeUps.wakeAll()
  }

  /** Offsets without records at the end of a lane, as control records, aborted ones and compaction leave them. */
  addHole(lane: Lane, offsets: number): void {
    const found = this.#lane(lane)
    found.end = position(found.end + BigInt(offsets))
    this.#wakeUps.wakeAll()
  }

  /** Takes away what is at or after `end`, as an unclean leader election does. */
  truncate(lane: Lane, end: Position): void {
    const found = this.#lane(lane)
    const unlimited = { records: Number.MAX_SAFE_INTEGER, bytes: Number.MAX_SAFE_INTEGER }
    found.batches = found.batches.flatMap((batch) => {
      const rows = takeRows(batch, 0, { ...unlimited, records: rowAt(batch, end) }, false)
      return rows ? [rows] : []
    })
    found.end = end
    if (found.start > end) found.start = end
    const epoch = (found.epochs.at(-1)?.epoch ?? 0) + 1
    found.epochs = [...found.epochs.filter((one) => one.start < end), { epoch, start: end }]
  }

  /** Takes away what is before `start`, as retention does. */
  deleteBefore(lane: Lane, start: Position): void {
    const found = this.#lane(lane)
    if (start < found.start || start > found.end) throw new RangeError(`${start} is not in the lane`)
    found.batches = found.batches.filter((batch) => batch.next > start)
    found.start = start
  }

  /** Deletes a topic and makes it again, empty and with another identity. */
  recreateTopic(topic: string, partitions: number): void {
    this.deleteTopic(topic)
    this.#makeTopic(topic, partitions)
  }

  deleteTopic(topic: string): void {
    if (!this.#topics.delete(topic)) throw unknownTopic(topic)
  }

  #makeTopic(topic: string, partitions: number): void {
    const lanes = Array.from({ length: partitions }, () => ({
      start: START,
      end: START,
      batches: [],
      epochs: [{ epoch: 0, start: START }],
    }))
    this.#topics.set(topic, { topicId: this.#random.uuid(), lanes })
  }

  #lane(lane: Lane): MemoryLane {
    const found = this.#topics.get(lane.topic)?.lanes[lane.partition]
    if (!found) throw unknownLane(lane)
    return found
  }

  /** By way of the stored form, so that readers get buffers of the same making as from the file log. */
  #append(lane: Lane, planned: readonly PlannedBatch[]): Position {
    const found = this.#lane(lane)
    const buffer = encodeGroup(planned, found.end, 0)
    for (let at = 0; at < buffer.length; ) {
      const header = readHeader(buffer, at)
      if (!header)
        throw new AssayError('log_corrupt', 'a batch just encoded has no header', {
          hint: DEFECT_HINT,
        })
      const batch = decodeBatch(buffer, at, header, lane)
      found.batches.push(batch)
      found.end = batch.next
      at += header.total_bytes
    }
    return found.end
  }

  #checkOpen(): void {
    if (this.#isClosed) throw logClosed()
  }
}
