import { type NamedColumn, wordsOf } from '@assay/core'
import type { Longs } from './column-readers.js'
import type { TradeBlock } from './trade-block.js'
import { pieceAt, type TradeRows } from './trade-rows.js'

const TEXTS = ['exchange', 'symbol', 'currency', 'side'] as const

/**
 * The rows at some positions of a batch as columns for the engine: `position`, and what tells a trade and a conflict.
 */
export function gather(rows: TradeRows, positions: readonly number[]): NamedColumn[] {
  const found = foundRows(rows, positions)
  const wide = (width: number, of: (block: TradeBlock) => Longs): Gathered => gatherWords(found, width, of)
  const times = wide(2, ({ times }) => times)
  const ids = wide(2, ({ ids }) => ids)
  return [
    { name: 'position', column: { type: 'INTEGER', data: Int32Array.from(positions) } },
    ...TEXTS.map((name) => gatherTexts(name, found)),
    gatherIds(found),
    { name: 'timestamp', column: { type: 'BIGINT', data: times.longs, nulls: times.nulls } },
    { name: 'source_sequence', column: { type: 'BIGINT', data: ids.longs, nulls: ids.nulls } },
    decimalColumn(
      'price',
      wide(4, ({ prices }) => prices),
    ),
    decimalColumn(
      'quantity',
      wide(4, ({ quantities }) => quantities),
    ),
  ]
}

/** Rows of one block that follow each other among those that were asked for. */
interface FoundRows {
  readonly block: TradeBlock
  readonly rows: Uint32Array
  /** Index of the first of them among all. */
  readonly first: number
}

function foundRows(batch: TradeRows, positions: readonly number[]): FoundRows[] {
  const rows = new Uint32Array(positions.length)
  const found: FoundRows[] = []
  for (let from = 0; from < positions.length; ) {
    const { block, rows: indices, first } = pieceAt(batch, positions[from] as number)
    let to = from
    for (; to < positions.length; to++) {
      const index = (positions[to] as number) - first
      if (index < 0 || index >= indices.length) break
      rows[to] = indices[index] as number
    }
    found.push({ block, rows: rows.subarray(from, to), first: from })
    from = to
  }
  return found
}

function countOf(found: readonly FoundRows[]): number {
  return found.reduce((sum, { rows }) => sum + rows.length, 0)
}

interface Gathered {
  readonly longs: BigInt64Array<ArrayBuffer>
  readonly nulls: Uint8Array
}

function gatherWords(found: readonly FoundRows[], width: number, of: (block: TradeBlock) => Longs): Gathered {
  const count = countOf(found)
  const longs = new BigInt64Array((count * width) / 2)
  const to = wordsOf(longs)
  const nulls = new Uint8Array(count)
  for (const { block, rows, first } of found) {
    const { words, nulls: areNull } = of(block)
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i] as number
      for (let word = 0; word < width; word++) to[width * (first + i) + word] = words[width * row + word] as number
      if (areNull !== undefined) nulls[first + i] = areNull[row] as number
    }
  }
  return { longs, nulls }
}

/** Texts of which there are few. */
function gatherTexts(name: (typeof TEXTS)[number], found: readonly FoundRows[]): NamedColumn {
  const known = new Map<string, number>()
  const codes = new Int32Array(countOf(found))
  for (const { block, rows, first } of found) {
    const texts = block.texts(name)
    const codeOf = Int32Array.from(texts.dictionary, (text) => {
      const code = known.get(text) ?? known.size
      known.set(text, code)
      return code
    })
    for (let i = 0; i < rows.length; i++) {
      const code = texts.codes[rows[i] as number] as number
      codes[first + i] = code < 0 ? -1 : (codeOf[code] as number)
    }
  }
  return { name, column: { type: 'DICTIONARY', codes, dictionary: [...known.keys()] } }
}

/** Trade ids, which differ from row to row, as they lie in their blocks, one behind the other. */
function gatherIds(found: readonly FoundRows[]): NamedColumn {
  const count = countOf(found)
  const starts = new Uint32Array(count)
  const ends = new Uint32Array(count)
  const nulls = new Uint8Array(count)
  const parts = found.map(({ block, rows, first }) => ({ ids: block.tradeIds(rows), first }))
  const source = new Uint8Array(parts.reduce((sum, { ids }) => sum + ids.size_bytes, 0))
  let at = 0
  for (const { ids, first } of parts) {
    for (let i = 0; i < ids.starts.length; i++) {
      starts[first + i] = at
      if (ids.nulls[i] === 1) nulls[first + i] = 1
      else
        for (let from = ids.starts[i] as number; from < (ids.ends[i] as number); from++)
          source[at++] = ids.source[from] as number
      ends[first + i] = at
    }
  }
  return { name: 'trade_id', column: { type: 'VARCHAR', source, starts, ends, nulls } }
}

function decimalColumn(name: string, { longs, nulls }: Gathered): NamedColumn {
  return { name, column: { type: 'DECIMAL', data: new Uint8Array(longs.buffer), nulls } }
}
