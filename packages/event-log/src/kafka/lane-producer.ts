import { AssayError, type Lane, laneKey, type ProduceBatch } from '@assay/core'
import { unknownTopic } from '../log-errors.js'
import type { Cluster } from './cluster.js'
import { encodeBatch, type Rows, rowBytesMax } from './protocol/encode-batch.js'
import { answerOf, BrokerError } from './protocol/kafka-errors.js'
import { newProducerId, type ProducerId, produceBatch } from './protocol/produce-api.js'

const BATCH_RECORDS_MAX = 65_536
const SEQUENCES = 2 ** 31
/** What was handed to us is finished, also while the log is being closed. */
const NEVER = new AbortController().signal

/** The broker no longer knows what it had from us. If none of it can be the batch in hand, we start anew. */
const FORGOTTEN = new Set([
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'UNKNOWN_PRODUCER_ID',
  'INVALID_PRODUCER_EPOCH',
  'INVALID_PRODUCER_ID_MAPPING',
])

/** A range of offsets that records of a call got; `to` is exclusive. */
interface OffsetRange {
  readonly from: bigint
  readonly to: bigint
}

interface Call {
  readonly ranges: OffsetRange[]
  chunksLeft: number
  resolve(ranges: readonly OffsetRange[]): void
  reject(error: unknown): void
}

interface Chunk extends Rows {
  readonly call: Call
  readonly bytes: number
}

/**
 * Appends to one lane, one batch after the other. What is handed in while a batch is under way goes into the next
 * ones, in order. A batch whose answer got lost is sent again under its number, so that it is written once.
 */
export class LaneProducer {
  readonly #cluster: Cluster
  readonly #lane: Lane
  readonly #queue: Chunk[] = []
  #isRunning = false
  #id: ProducerId | undefined
  #sequence = 0

  constructor(cluster: Cluster, lane: Lane) {
    this.#cluster = cluster
    this.#lane = lane
  }

  /**
   * Resolves when all rows are durable, with their offsets: one range, or several when others wrote in between.
   * `batch_bytes` is what a batch may have, compressed or not; a larger record goes alone.
   */
  append(source: ProduceBatch, rows: Uint32Array, batch_bytes: number): Promise<readonly OffsetRange[]> {
    return new Promise((resolve, reject) => {
      const chunks = cut(source, rows, batch_bytes)
      const call: Call = { ranges: [], chunksLeft: chunks.length, resolve, reject }
      for (const chunk of chunks) this.#queue.push({ ...chunk, call })
      if (!this.#isRunning) this.#run(batch_bytes)
    })
  }

  async #run(batch_bytes: number): Promise<void> {
    this.#isRunning = true
    await this.#cluster.settings.clock.sleep(this.#cluster.settings.producer.linger_ms)
    while (this.#queue.length > 0) {
      const chunks = takeChunks(this.#queue, batch_bytes)
      try {
        tell(chunks, await this.#send(chunks))
      } catch (error) {
        const failed = new Set(chunks.map(({ call }) => call))
        for (const call of failed) call.reject(error)
        const rest = this.#queue.splice(0).filter(({ call }) => !failed.has(call))
        this.#queue.push(...rest)
      }
    }
    this.#isRunning = false
  }

  async #send(chunks: readonly Chunk[]): Promise<bigint> {
    const count = chunks.reduce((sum, { rows }) => sum + rows.length, 0)
    let mayBeWritten = false
    let encoded: { readonly id: ProducerId; readonly batch: Buffer } | undefined
    const { topic: name, partition } = this.#lane
    try {
      const base = await this.#cluster.retry(
        `producing to ${laneKey(this.#lane)}`,
        async (isLater) => {
          const topic = await this.#cluster.topic(name, isLater)
          if (!topic) throw unknownTopic(name)
          this.#id ??= await this.#cluster.onAny(newProducerId)
          if (encoded?.id !== this.#id) {
            encoded = { id: this.#id, batch: this.#encode(chunks, this.#id) }
          }
          const { batch } = encoded
          const { request_ms_max } = this.#cluster.settings.limits
          return this.#cluster
            .onLeader(topic, this.#lane, 'write', (to) => produceBatch(to, name, partition, batch, request_ms_max))
            .catch((error) => {
              const answer = answerOf(error)
              if (answer !== undefined && FORGOTTEN.has(answer) && !mayBeWritten) {
                this.#startAnew()
                throw new BrokerError('NETWORK_EXCEPTION')
              }
              mayBeWritten ||=
                answer === undefined || answer === 'REQUEST_TIMED_OUT' || answer.endsWith('_AFTER_APPEND')
              throw refusal(error, this.#lane)
            })
        },
        NEVER,
      )
      this.#sequence = (this.#sequence + count) % SEQUENCES
      return base
    } catch (error) {
      // Whether the batch was written is not known, so neither is which number comes next.
      this.#startAnew()
      throw error
    }
  }

  #encode(chunks: readonly Chunk[], id: ProducerId): Buffer {
    return encodeBatch(chunks, { ...id, sequence: this.#sequence }, this.#cluster.settings.producer.compression)
  }

  #startAnew(): void {
    this.#id = undefined
    this.#sequence = 0
  }
}

function refusal(error: unknown, lane: Lane): unknown {
  if (answerOf(error) !== 'INVALID_TIMESTAMP') return error
  return new AssayError('timestamp_refused', `${laneKey(lane)} does not take the timestamps of these records`, {
    hint: "raise the topic's message.timestamp.before.max.ms and message.timestamp.after.max.ms; nothing was written",
  })
}

/** Rows in pieces that fit a batch each. */
function cut(source: ProduceBatch, rows: Uint32Array, batch_bytes: number): Omit<Chunk, 'call'>[] {
  const chunks: Omit<Chunk, 'call'>[] = []
  let from = 0
  let bytes = 0
  rows.forEach((row, i) => {
    const size = rowBytesMax(source, row)
    if (i > from && (bytes + size > batch_bytes || i - from >= BATCH_RECORDS_MAX)) {
      chunks.push({ source, rows: rows.subarray(from, i), bytes })
      from = i
      bytes = 0
    }
    bytes += size
  })
  chunks.push({ source, rows: rows.subarray(from), bytes })
  return chunks
}

/** Chunks from the front of the queue that fit a batch together. */
function takeChunks(queue: Chunk[], batch_bytes: number): Chunk[] {
  let bytes = 0
  let records = 0
  let taken = 0
  for (const chunk of queue) {
    bytes += chunk.bytes
    records += chunk.rows.length
    if (taken > 0 && (bytes > batch_bytes || records > BATCH_RECORDS_MAX)) break
    taken += 1
  }
  return queue.splice(0, taken)
}

function tell(chunks: readonly Chunk[], base: bigint): void {
  let from = base
  for (const { call, rows } of chunks) {
    const to = from + BigInt(rows.length)
    const last = call.ranges.at(-1)
    if (last?.to === from) call.ranges.splice(-1, 1, { from: last.from, to })
    else call.ranges.push({ from, to })
    from = to
    call.chunksLeft -= 1
    if (call.chunksLeft === 0) call.resolve(call.ranges)
  }
}
