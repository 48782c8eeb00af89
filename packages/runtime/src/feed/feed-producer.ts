import { compileEncoder, type RecordEncoder } from '@assay/avro'
import { AssayError, bytesColumn, nullColumn, type ProduceBatch } from '@assay/core'
import type { EventLog } from '@assay/event-log'
import type { Exchange, FeedRecord } from '@assay/exchanges'
import { type SchemaRegistry, wireHeader } from '@assay/schema-registry'

/** Where feeds deliver to; a lake is one. */
export interface FeedTarget {
  readonly log: EventLog
  readonly registry: SchemaRegistry
}

/** Rows and value bytes after which a producer writes what it holds. */
const BATCH_RECORDS_MAX = 5_000
const BATCH_BYTES_MAX = 4 * 2 ** 20
/** Key and value of one record; what Kafka's brokers accept by default. */
const RECORD_BYTES_MAX = 2 ** 20 - 512

/**
 * Makes the topic of the exchange if it is missing (an existing one keeps its partitions) and registers its
 * schema under `<topic>-value`. Resolves to the schema's id.
 */
export async function prepareTopic(target: FeedTarget, exchange: Exchange, partitions: number): Promise<number> {
  await target.log.ensureTopic(exchange.topic, partitions)
  return target.registry.register(`${exchange.topic}-value`, exchange.schema)
}

/** Encodes feed records as Confluent frames and appends them to the exchange's topic in batches, in order. */
export class FeedProducer {
  readonly #log: EventLog
  readonly #topic: string
  readonly #header: Uint8Array
  readonly #encode: RecordEncoder
  #keys: Uint8Array[] = []
  #values: Uint8Array[] = []
  #timestamps_ms: bigint[] = []
  #bytes = 0
  #produced = 0

  private constructor(log: EventLog, exchange: Exchange, schemaId: number) {
    this.#log = log
    this.#topic = exchange.topic
    this.#header = wireHeader(schemaId)
    this.#encode = compileEncoder(exchange.schema)
  }

  static async open(target: FeedTarget, exchange: Exchange, partitions: number): Promise<FeedProducer> {
    return new FeedProducer(target.log, exchange, await prepareTopic(target, exchange, partitions))
  }

  /** Records that are in the log. */
  get produced(): number {
    return this.#produced
  }

  /** Records taken but not yet written. */
  get waiting(): number {
    return this.#values.length
  }

  /** True when `flush` is due. */
  get isFull(): boolean {
    return this.#values.length >= BATCH_RECORDS_MAX || this.#bytes >= BATCH_BYTES_MAX
  }

  /**
   * Takes a record, stamped with its event time rounded up to the ms. Throws `record_too_large` or
   * `record_invalid`, taking nothing.
   */
  add({ key, record, event_time_us }: FeedRecord): void {
    const value = this.#encode(record, this.#header)
    const size = key.length + value.length
    if (size > RECORD_BYTES_MAX) {
      throw new AssayError('record_too_large', `the record has ${size} bytes`, {
        hint: `a record may have ${RECORD_BYTES_MAX} bytes, its key included`,
      })
    }
    this.#keys.push(key)
    this.#values.push(value)
    this.#timestamps_ms.push((event_time_us + 999n) / 1000n)
    this.#bytes += size
  }

  /** Writes what was taken; durable when it resolves. After an OutageError it may or may not be in the log. */
  async flush(): Promise<void> {
    const count = this.#values.length
    if (count === 0) return
    const batch: ProduceBatch = {
      count,
      timestamps_ms: BigInt64Array.from(this.#timestamps_ms),
      keys: bytesColumn(this.#keys),
      values: bytesColumn(this.#values),
      headers: nullColumn(count),
    }
    this.#keys = []
    this.#values = []
    this.#timestamps_ms = []
    this.#bytes = 0
    await this.#log.produce(this.#topic, batch)
    this.#produced += count
  }
}
