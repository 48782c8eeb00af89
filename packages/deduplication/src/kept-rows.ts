import { type RowColumn, wordsOf } from '@assay/core'
import type { TradeBlock } from './rows/trade-block.js'

/** The kept rows of a batch's duplicates, as columns beside those of the duplicates' blocks. */
export class KeptRows {
  readonly #topics: string[] = []
  readonly #topicCodes = new Map<string, number>()
  readonly #blocks = new Map<TradeBlock, KeptColumns>()

  /** Notes the row that was kept of the duplicate in a block's row. `offset` gives the words of a 64-bit integer. */
  set(block: TradeBlock, row: number, kept: KeptRow): void {
    const columns = this.#columnsOf(block)
    columns.topics[row] = this.#codeOf(kept.topic)
    columns.partitions[row] = kept.partition
    columns.offsets[2 * row] = kept.offset_low
    columns.offsets[2 * row + 1] = kept.offset_high
    columns.conflicts[row] = kept.isConflict ? 1 : 0
  }

  /** The columns of the table of duplicates that tell of the kept rows; rows that are none have no meaning. */
  columns(block: TradeBlock): readonly (readonly [name: string, column: RowColumn])[] {
    const { topics, partitions, offsets, conflicts } = this.#columnsOf(block)
    return [
      ['kept_topic', { type: 'DICTIONARY', codes: topics, dictionary: this.#topics }],
      ['kept_partition', { type: 'INTEGER', data: partitions }],
      ['kept_offset', { type: 'BIGINT', data: new BigInt64Array(offsets.buffer) }],
      ['is_conflict', { type: 'BOOLEAN', data: conflicts }],
    ]
  }

  #columnsOf(block: TradeBlock): KeptColumns {
    let columns = this.#blocks.get(block)
    if (!columns) {
      const { count } = block
      columns = {
        topics: new Int32Array(count),
        partitions: new Int32Array(count),
        offsets: wordsOf(new BigInt64Array(count)),
        conflicts: new Uint8Array(count),
      }
      this.#blocks.set(block, columns)
    }
    return columns
  }

  #codeOf(topic: string): number {
    let code = this.#topicCodes.get(topic)
    if (code === undefined) {
      code = this.#topics.push(topic) - 1
      this.#topicCodes.set(topic, code)
    }
    return code
  }
}

interface KeptColumns {
  readonly topics: Int32Array
  readonly partitions: Int32Array
  readonly offsets: Int32Array
  readonly conflicts: Uint8Array
}

/** Coordinates of a kept row, and whether its duplicate differs from it in time, price, quantity or side. */
export interface KeptRow {
  readonly topic: string
  readonly partition: number
  readonly offset_low: number
  readonly offset_high: number
  readonly isConflict: boolean
}

/** The row of a block as the one that was kept of a row of another. */
export function keptRow(block: TradeBlock, row: number, other: TradeBlock, duplicate: number): KeptRow {
  const topics = block.texts('topic')
  const { words } = block.offsets
  return {
    topic: topics.dictionary[topics.codes[row] as number] ?? '',
    partition: block.partitions[row] as number,
    offset_low: words[2 * row] as number,
    offset_high: words[2 * row + 1] as number,
    isConflict:
      !sameWords(block.times, row, other.times, duplicate, 2) ||
      !sameWords(block.prices, row, other.prices, duplicate, 4) ||
      !sameWords(block.quantities, row, other.quantities, duplicate, 4) ||
      sideOf(block, row) !== sideOf(other, duplicate),
  }
}

/** The side of a block's row; undefined for null. */
export function sideOf(block: TradeBlock, row: number): string | undefined {
  const { codes, dictionary } = block.texts('side')
  return dictionary[codes[row] as number]
}

/** True when one of the values that tell a conflict is null. */
export function hasNull(block: TradeBlock, row: number): boolean {
  const { times, prices, quantities } = block
  return (
    times.nulls?.[row] === 1 ||
    prices.nulls?.[row] === 1 ||
    quantities.nulls?.[row] === 1 ||
    (block.texts('side').codes[row] as number) < 0
  )
}

interface Words {
  readonly words: Int32Array
  readonly nulls: Uint8Array | undefined
}

function sameWords(a: Words, rowA: number, b: Words, rowB: number, width: number): boolean {
  const isNull = a.nulls?.[rowA] === 1
  if (isNull !== (b.nulls?.[rowB] === 1)) return false
  if (isNull) return true
  for (let i = 0; i < width; i++) if (a.words[rowA * width + i] !== b.words[rowB * width + i]) return false
  return true
}
