import { type Lane, type LaneKey, laneKey, type ProduceBatch, position } from '@assay/core'
import type { ProducedRange } from '../event-log.js'
import { unknownTopic } from '../log-errors.js'
import { type PlannedBatch, planProduce } from '../plan.js'
import type { Cluster } from './cluster.js'
import { LaneProducer } from './lane-producer.js'
import { checkHeaders, RECORD_OVERHEAD_BYTES } from './protocol/encode-batch.js'
import { BATCH_HEADER_BYTES } from './protocol/record-batch-v2.js'
import { topicSettings } from './topics.js'

/** Shares the records of a call out over lanes and appends to each. */
export class KafkaProducer {
  readonly #cluster: Cluster
  readonly #lanes = new Map<LaneKey, LaneProducer>()
  /** Greatest size of a batch, by topic id. */
  readonly #batchBytes = new Map<string, Promise<number>>()
  #keyless = 0

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  async produce(name: string, batch: ProduceBatch): Promise<readonly ProducedRange[]> {
    const topic = await this.#cluster.retry(`looking up ${name}`, (isLater) => this.#cluster.topic(name, isLater))
    if (!topic) throw unknownTopic(name)
    const batch_bytes = await this.#batchBytesOf(topic)
    const { record_bytes_max, produce_bytes_max } = this.#cluster.settings.limits
    const limits = {
      record_bytes_max: Math.min(record_bytes_max, batch_bytes - RECORD_OVERHEAD_BYTES),
      produce_bytes_max,
    }
    this.#keyless += 1
    const plans = planProduce(batch, topic.leaders.length, this.#keyless, limits)
    checkHeaders(batch)
    const appends = [...plans].map(async ([partition, planned]) => {
      const lane = { topic: name, partition }
      const ranges = await this.#lane(lane).append(
        batch,
        rowsOf(planned),
        Math.min(batch_bytes, this.#cluster.settings.producer.batch_bytes),
      )
      return ranges.map(({ from, to }) => ({ lane, from: position(from), to: position(to) }))
    })
    // A call has failed only when all its lanes are done: none may change after the caller was told.
    await Promise.allSettled(appends)
    return (await Promise.all(appends)).flat()
  }

  #lane(lane: Lane): LaneProducer {
    const key = laneKey(lane)
    const made = this.#lanes.get(key) ?? new LaneProducer(this.#cluster, lane)
    this.#lanes.set(key, made)
    return made
  }

  /** The topic's `max.message.bytes`, which is of batches as they are sent, without a batch's header. */
  #batchBytesOf({ id, name }: { readonly id: string; readonly name: string }): Promise<number> {
    const known = this.#batchBytes.get(id)
    if (known) return known
    const asked = this.#cluster.retry(`looking up the settings of ${name}`, async () => {
      const settings = await topicSettings(this.#cluster, name, ['max.message.bytes'])
      return Number(settings.get('max.message.bytes')) - BATCH_HEADER_BYTES
    })
    this.#batchBytes.set(id, asked)
    asked.catch(() => this.#batchBytes.delete(id))
    return asked
  }
}

/** All rows of one lane that a call produces. */
function rowsOf(planned: readonly PlannedBatch[]): Uint32Array {
  const rows = new Uint32Array(planned.reduce((sum, one) => sum + one.rows.length, 0))
  let at = 0
  for (const one of planned) {
    rows.set(one.rows, at)
    at += one.rows.length
  }
  return rows
}
