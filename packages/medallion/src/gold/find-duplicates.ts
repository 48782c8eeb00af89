import { type NamedColumn, numberAt, wordsOf } from '@assay/core'
import { columnOf, type ResultChunk, type Session, type TemporaryTable } from '@assay/engine'
import type { LakeTable, PinnedTable } from '@assay/pipeline'
import { dateText, scanSql } from '@assay/pipeline'
import { type KeySet, StagedKeys } from './keys/key-set.js'
import { sameTradeSql, symbolKey, TRADE_KEY, TRADE_KEY_COLUMNS } from './trade-key.js'

/** The batch in the engine, and gold as it was before it. */
export interface GoldBatch {
  /** Silver rows of the batch, each named by its `lane_rank`, which counts over all sources, and `lane_offset`. */
  readonly input: TemporaryTable
  readonly gold: LakeTable
  readonly pinned: PinnedTable
}

/** What deduplication found, row by row in order of (lane, offset). */
export interface DedupResult {
  readonly count: number
  readonly duplicates: number
  /** lane_rank, lane_offset and source_sequence of the duplicates. */
  readonly duplicateRows: TemporaryTable
  readonly staged: StagedKeys
  /** Hours since 1970 in which the rows lie. */
  readonly hours: ReadonlySet<number>
  /** Offset of each lane's last row that is new, by lane rank. */
  readonly written: ReadonlyMap<number, bigint>
  /** The row before which deduplication stopped, since one partition too many would begin. */
  readonly limitReachedAt?: { readonly rank: number; readonly offset: bigint }
}

/** Decides for every row, in order, whether it is the first of its trade. */
export async function findDuplicates(
  session: Session,
  batch: GoldBatch,
  keys: KeySet,
  maxPartitions: number,
): Promise<DedupResult> {
  const staged = new StagedKeys(keys)
  const hours = new Set<number>()
  const written = new Map<number, bigint>()
  const duplicates = new RowList()
  const symbolKeyOf = symbolKeyReader()
  let withoutTradeNumber = false
  let count = 0
  let limitReachedAt: DedupResult['limitReachedAt']
  const sql = `SELECT lane_rank, lane_offset, exchange, currency, symbol, source_sequence,
      ("timestamp" // 3600000000)::INTEGER AS hour FROM ${batch.input.name} ORDER BY lane_rank, lane_offset`
  for await (const chunk of session.read(sql)) {
    const ranks = columnOf(chunk, 'lane_rank', 'INTEGER').data
    const offsets = columnOf(chunk, 'lane_offset', 'BIGINT').data
    const hour = columnOf(chunk, 'hour', 'INTEGER').data
    const ids = columnOf(chunk, 'source_sequence', 'BIGINT')
    const words = wordsOf(ids.data)
    let lastNew = -1
    for (let i = 0; i < chunk.count; i++) {
      const rank = ranks[i] as number
      if (!hours.has(hour[i] as number)) {
        if (hours.size === maxPartitions) {
          limitReachedAt = { rank, offset: offsets[i] as bigint }
          break
        }
        hours.add(hour[i] as number)
      }
      count++
      if (ids.nulls?.[i]) {
        withoutTradeNumber = true
        continue
      }
      const id = numberAt(words, i)
      const symbolKey = symbolKeyOf(chunk, i)
      const isNew = Number.isSafeInteger(id)
        ? staged.add(symbolKey, id)
        : staged.addLarge(symbolKey, ids.data[i] as bigint)
      if (!isNew) {
        duplicates.add(rank, offsets[i] as bigint, ids.data[i] as bigint)
        continue
      }
      if (lastNew >= 0 && ranks[lastNew] !== rank) written.set(ranks[lastNew] as number, offsets[lastNew] as bigint)
      lastNew = i
    }
    if (lastNew >= 0) written.set(ranks[lastNew] as number, offsets[lastNew] as bigint)
    if (limitReachedAt) break
  }
  const found = { hours, duplicates, written, ...(limitReachedAt && { limitReachedAt }) }
  if (withoutTradeNumber) await addWithoutTradeNumber(session, batch, found)
  const duplicateRows = await session.load('gold_duplicate_rows', duplicates.columns(), duplicates.count)
  return { ...found, count, duplicates: duplicates.count, duplicateRows, staged }
}

/** Coordinates within a batch. */
class RowList {
  readonly #ranks: number[] = []
  readonly #offsets: bigint[] = []
  readonly #numbers: (bigint | undefined)[] = []

  get count(): number {
    return this.#ranks.length
  }

  add(rank: number, offset: bigint, number: bigint | undefined): void {
    this.#ranks.push(rank)
    this.#offsets.push(offset)
    this.#numbers.push(number)
  }

  columns(): NamedColumn[] {
    return [
      { name: 'lane_rank', column: { type: 'INTEGER', data: Int32Array.from(this.#ranks) } },
      { name: 'lane_offset', column: { type: 'BIGINT', data: BigInt64Array.from(this.#offsets) } },
      {
        name: 'source_sequence',
        column: {
          type: 'BIGINT',
          data: BigInt64Array.from(this.#numbers, (number) => number ?? 0n),
          nulls: Uint8Array.from(this.#numbers, (number) => (number === undefined ? 1 : 0)),
        },
      },
    ]
  }
}

/** Reads symbol keys, one string object a key, found by the bytes without decoding them as UTF-8. */
function symbolKeyReader(): (chunk: ResultChunk, row: number) => string {
  const names = new Map<string, Map<string, Map<string, string>>>()
  let chunk: ResultChunk | undefined
  let columns: readonly [exchange: TextColumn, currency: TextColumn, symbol: TextColumn] | undefined
  return (from, row) => {
    if (chunk !== from || !columns) {
      chunk = from
      columns = [textColumn(from, 'exchange'), textColumn(from, 'currency'), textColumn(from, 'symbol')]
    }
    const exchange = latin1At(columns[0], row)
    const currency = latin1At(columns[1], row)
    const symbol = latin1At(columns[2], row)
    const ofCurrency = childOf(childOf(names, exchange), currency)
    let name = ofCurrency.get(symbol)
    if (name === undefined) {
      name = Buffer.from(symbolKey(exchange, currency, symbol), 'latin1').toString('utf8')
      ofCurrency.set(symbol, name)
    }
    return name
  }
}

function childOf<Value>(parent: Map<string, Map<string, Value>>, key: string): Map<string, Value> {
  let child = parent.get(key)
  if (!child) {
    child = new Map()
    parent.set(key, child)
  }
  return child
}

interface TextColumn {
  readonly data: Buffer
  readonly offsets: Uint32Array
}

function textColumn(chunk: ResultChunk, name: string): TextColumn {
  const { data, offsets } = columnOf(chunk, name, 'VARCHAR')
  return { data: Buffer.from(data.buffer, data.byteOffset, data.byteLength), offsets }
}

function latin1At({ data, offsets }: TextColumn, row: number): string {
  return data.toString('latin1', offsets[row], offsets[row + 1])
}

/** What has been found so far; rows without a number are added to it. */
interface Found extends Pick<DedupResult, 'hours' | 'limitReachedAt'> {
  readonly duplicates: RowList
  readonly written: Map<number, bigint>
}

/**
 * Ids without a number hold their timestamp, so that only the row's own hour can hold the same trade. Rows behind
 * the limit are left to the next batch.
 */
async function addWithoutTradeNumber(
  session: Session,
  { input, gold, pinned }: GoldBatch,
  { hours, duplicates, written, limitReachedAt }: Found,
): Promise<void> {
  const partitions = new Set([...hours].map(hourPartition))
  const files = await gold.files(pinned, { keepPartition: (values) => partitions.has(filePartition(values)) })
  const before = limitReachedAt
    ? `AND (lane_rank < ${limitReachedAt.rank} OR (lane_rank = ${limitReachedAt.rank} AND lane_offset < ${limitReachedAt.offset}))`
    : ''
  const rows = session.read(`SELECT lane_rank, lane_offset, nth > 1 OR EXISTS (
      SELECT 1 FROM (${scanSql(gold.definition, files)}) g
      WHERE ${sameTradeSql('g', 'i')}
    ) AS is_duplicate FROM (
      SELECT lane_rank, lane_offset, ${TRADE_KEY_COLUMNS},
        row_number() OVER (PARTITION BY ${TRADE_KEY} ORDER BY lane_rank, lane_offset) AS nth
      FROM ${input.name} WHERE source_sequence IS NULL ${before}
    ) i`)
  for await (const chunk of rows) {
    const ranks = columnOf(chunk, 'lane_rank', 'INTEGER').data
    const offsets = columnOf(chunk, 'lane_offset', 'BIGINT').data
    const isDuplicate = columnOf(chunk, 'is_duplicate', 'BOOLEAN').data
    for (let i = 0; i < chunk.count; i++) {
      const rank = ranks[i] as number
      const offset = offsets[i] as bigint
      if (isDuplicate[i]) duplicates.add(rank, offset, undefined)
      else if (offset > (written.get(rank) ?? -1n)) written.set(rank, offset)
    }
  }
}

/** An hour since 1970 as `2026-01-31 13`. */
export function hourPartition(hour: number): string {
  return `${dateText(Math.floor(hour / 24))} ${hour % 24}`
}

/** A gold file's partition in the same form. */
export function filePartition(values: Readonly<Record<string, unknown>>): string {
  return `${values.exchange_date} ${values.exchange_hour}`
}
