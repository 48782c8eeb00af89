import { compileEncoder, type RecordEncoder } from '@assay/avro'
import { AssayError, bytesColumn, nullColumn, type ProduceBatch } from '@assay/core'
import { type EventLog, originHeaders, type RecordOrigin } from '@assay/event-log'
import type { Exchange, FeedRecord } from '@assay/exchanges'
import { type SchemaRegistry, wireHeader } from '@assay/schema-registry'

/** Where feeds deliver to; a lake is one. */
export interface FeedTarget {
  readonly log: EventLog
  readonly registry: SchemaRegistry
  /** Partitions of a topic that has to be made. */
  readonly topicPartitions: number
}

/** Rows and value bytes after which a producer writes what it holds. */
const BATCH_RECORDS_MAX = 5_000
const BATCH_BYTES_MAX = 4 * 2 ** 20
/** Key and value of one record; what Kafka's brokers accept by default. */
const RECORD_BYTES_MAX = 2 ** 20 - 512

/** What is written to a topic. */
type TopicSchema = Pick<Exchange, 'topic' | 'schema'>

/**
 * Makes the topic if it is missing (an existing one keeps its partitions) and registers its
 * schema under `<topic>-value`. Resolves to the schema's id.
 */
export async function prepareTopic(
  target: FeedTarget,
  { topic, schema }: TopicSchema,
  partitions = target.topicPartitions,
): Promise<number> {
  await target.log.ensureTopic(topic, partitions)
  return target.registry.register(`${topic}-value`, schema)
}

/** Encodes feed records as Confluent frames and appends them to their topic in batches, in order. */
export class FeedProducer {
  readonly #log: EventLog
  readonly #topic: string
  readonly #header: Uint8Array
  /** The headers of every record; undefined for none. */
  readonly #headers: Uint8Array | undefined
  readonly #encode: RecordEncoder
  #keys: Uint8Array[] = []
  #values: Uint8Array[] = []
  #timestamps_ms: bigint[] = []
  #bytes = 0
  /** Records given to the log, and not known to be in it. */
  #inFlight: ProduceBatch | undefined
  #produced = 0

  private constructor(
    log: EventLog,
    { topic, schema }: TopicSchema,
    schemaId: number,
    origin: RecordOrigin | undefined,
  ) {
    this.#log = log
    this.#topic = topic
    this.#header = wireHeader(schemaId)
    this.#headers = origin && originHeaders(origin)
    this.#encode = compileEncoder(schema)
  }

  /** `origin` is written with each record; without, it came by a feed. */
  static async open(target: FeedTarget, to: TopicSchema, origin?: RecordOrigin): Promise<FeedProducer> {
    return new FeedProducer(target.log, to, await prepareTopic(target, to), origin)
  }

  /** Records that are in the log. */
  get produced(): number {
    return this.#produced
  }

  /** Records taken but not known to be in the log. */
  get waiting(): number {
    return this.#values.length + (this.#inFlight?.count ?? 0)
  }

  /** Bytes of the keys and values of those records. */
  get waiting_bytes(): number {
    if (!this.#inFlight) return this.#bytes
    return this.#bytes + this.#inFlight.keys.data.length + this.#inFlight.values.data.length
  }

  /** True when `flush` is due. */
  get isFull(): boolean {
    return this.#values.length >= BATCH_RECORDS_MAX || this.#bytes >= BATCH_BYTES_MAX
  }

  /**
   * Takes a record, stamped with its event time rounded up to the ms unless told otherwise. Throws
   * `record_too_large` or `record_invalid`, taking nothing.
   */
  add({ key, record, event_time_us }: FeedRecord, stamp_ms = (event_time_us + 999n) / 1000n): void {
    const value = this.#encode(record, this.#header)
    const size = key.length + value.length
    if (size > RECORD_BYTES_MAX) {
      throw new AssayError('record_too_large', `the record has ${size} bytes`, {
        hint: `a record may have ${RECORD_BYTES_MAX} bytes, its key included`,
      })
    }
    this.#keys.push(key)
    this.#values.push(value)
    this.#timestamps_ms.push(stamp_ms)
    this.#bytes += size
  }

  /**
   * Writes what was taken; durable when it resolves. One call at a time; records may be added meanwhile. After an
   * OutageError the records may or may not be in the log, and the next call writes them again.
   */
  async flush(): Promise<void> {
    this.#inFlight ??= this.#takeBatch()
    if (!this.#inFlight) return
    await this.#log.produce(this.#topic, this.#inFlight)
    this.#produced += this.#inFlight.count
    this.#inFlight = undefined
  }

  /** After a failed flush: forgets the records of it, for those who have told their sender. */
  dropFailed(): void {
    this.#inFlight = undefined
  }

  #takeBatch(): ProduceBatch | undefined {
    const count = this.#values.length
    if (count === 0) return undefined
    const batch: ProduceBatch = {
      count,
      timestamps_ms: BigInt64Array.from(this.#timestamps_ms),
      keys: bytesColumn(this.#keys),
      values: bytesColumn(this.#values),
      headers: this.#headers ? bytesColumn(this.#keys.map(() => this.#headers)) : nullColumn(count),
    }
    this.#keys = []
    this.#values = []
    this.#timestamps_ms = []
    this.#bytes = 0
    return batch
  }
}
