import { type Lane, laneKey, type Position, type ProduceBatch, position, rowBytes } from '@assay/core'
import { MemoryLog, type ProducedRange } from '@assay/event-log'

/** What a place of the log held at some time; null for a record without value. */
type Held = Uint8Array | null

/**
 * The log of a run with all that it ever held. `topicId` tells a topic from one of the same name that was made
 * later; after a truncation a place may have held several records.
 */
export class RecordedLog extends MemoryLog {
  readonly #held = new Map<string, Held[]>()

  override async produce(topic: string, batch: ProduceBatch): Promise<readonly ProducedRange[]> {
    const ranges = await super.produce(topic, batch)
    const statuses = await this.lanes(topic)
    for (const { lane, from } of ranges) {
      const read = await this.read(lane, from, { maxRecords: 1e6, maxBytes: 1e9 })
      if (read.kind !== 'records') throw new Error(`${laneKey(lane)} cannot be read back`)
      for (const { offsets, values, count } of read.batches) {
        for (let i = 0; i < count; i++) {
          const place = placeOf(statuses[lane.partition]?.topicId ?? '', lane.partition, offsets[i] as bigint)
          this.#held.set(place, [...(this.#held.get(place) ?? []), rowBytes(values, i) ?? null])
        }
      }
    }
    return ranges
  }

  /** Everything that the place ever held. */
  heldAt(topicId: string, partition: number, offset: bigint): readonly Held[] {
    return this.#held.get(placeOf(topicId, partition, offset)) ?? []
  }

  /** Cuts off the newest records; others may take their offsets. */
  async cut(lane: Lane, records: number): Promise<void> {
    const status = (await this.lanes(lane.topic))[lane.partition]
    if (!status) return
    const end = status.end - BigInt(records)
    this.truncate(lane, position(end < status.start ? status.start : end))
  }

  /** Retention takes the older half of what is there. */
  async forgetHalf(lane: Lane): Promise<void> {
    const status = (await this.lanes(lane.topic))[lane.partition]
    if (status) this.deleteBefore(lane, ((status.start + status.end) / 2n) as Position)
  }
}

function placeOf(topicId: string, partition: number, offset: bigint): string {
  return `${topicId}/${partition}/${offset}`
}
