import { type Lane, laneKey, type Position, type ProduceBatch, position, rowBytes } from '@assay/core'
import { type EventLog, MemoryLog, type ProducedRange } from '@assay/event-log'

/** What a place of the log held at some time; null for a record without value. */
type Held = Uint8Array | null

/**
 * The log of a run with all that it ever held. `topicId` tells a topic from one of the same name that was made
 * later; after a truncation a place may have held several records.
 */
export class RecordedLog extends MemoryLog {
  readonly #held = new Map<string, Held[]>()
  /** Values of which nobody was told whether they were written. */
  readonly #attempted = new Set<string>()
  /** Places that lost their record and have had no other since: a hole may have come upon them. */
  readonly #cut = new Set<string>()

  /** The log as a process of its own sees it. */
  openFor(): EventLog {
    return this
  }

  override async produce(topic: string, batch: ProduceBatch): Promise<readonly ProducedRange[]> {
    const ranges = await super.produce(topic, batch)
    const statuses = await this.lanes(topic)
    for (const { lane, from } of ranges) {
      const read = await this.read(lane, from, { maxRecords: 1e6, maxBytes: 1e9 })
      if (read.kind !== 'records') throw new Error(`${laneKey(lane)} cannot be read back`)
      for (const { offsets, values, count } of read.batches) {
        const topicId = statuses[lane.partition]?.topicId ?? ''
        for (let i = 0; i < count; i++) this.note(topicId, lane.partition, offsets[i] as bigint, { values }, i)
      }
    }
    return ranges
  }

  /** Notes what a place holds. */
  note(
    topicId: string,
    partition: number,
    offset: bigint,
    { values }: Pick<ProduceBatch, 'values'>,
    row: number,
  ): void {
    const place = placeOf(topicId, partition, offset)
    this.#cut.delete(place)
    this.#held.set(place, [...(this.#held.get(place) ?? []), rowBytes(values, row) ?? null])
  }

  /** Notes that a value may or may not have been written somewhere. */
  attempted(value: Held): void {
    this.#attempted.add(textOf(value))
  }

  wasAttempted(value: Held): boolean {
    return this.#attempted.has(textOf(value))
  }

  /** Offsets that a reader who comes last must have found something at, now or before it was lost to retention. */
  offsetsOf(topicId: string, partition: number): readonly bigint[] {
    const prefix = `${topicId}/${partition}/`
    return [...this.#held.keys()]
      .filter((place) => place.startsWith(prefix) && !this.#cut.has(place))
      .map((place) => BigInt(place.slice(prefix.length)))
  }

  /** Everything that the place ever held. */
  heldAt(topicId: string, partition: number, offset: bigint): readonly Held[] {
    return this.#held.get(placeOf(topicId, partition, offset)) ?? []
  }

  /** Cuts off the newest records; others may take their offsets. */
  async cut(lane: Lane, records: number): Promise<void> {
    const status = (await this.lanes(lane.topic))[lane.partition]
    if (!status) return
    const least = status.end - BigInt(records)
    const end = position(least < status.start ? status.start : least)
    for (let offset: bigint = end; offset < status.end; offset++) {
      const place = placeOf(status.topicId, lane.partition, offset)
      if (this.#held.has(place)) this.#cut.add(place)
    }
    this.truncate(lane, end)
  }

  /** Retention takes the older half of what is there. */
  async forgetHalf(lane: Lane): Promise<void> {
    const status = (await this.lanes(lane.topic))[lane.partition]
    if (status) this.deleteBefore(lane, ((status.start + status.end) / 2n) as Position)
  }
}

function textOf(value: Held): string {
  return value === null ? 'null' : Buffer.from(value).toString('latin1')
}

function placeOf(topicId: string, partition: number, offset: bigint): string {
  return `${topicId}/${partition}/${offset}`
}
