import type { AnswerChunk, AnswerColumn, PlainValue } from '@assay/engine'
import { type Column, type Schema, Table, tableToIPC, Version } from '@uwdata/flechette'
import { type ArrowColumn, arrowColumn } from './arrow-column.js'
import { arrowTypeOf } from './arrow-type.js'
import type { Encoder } from './encoder.js'

/** Rows of a record batch: the engine's chunks are too small to be worth the head of one each. */
const BATCH_ROWS = 16_384
const BATCH_BYTES = 8 * 2 ** 20
/** The mark of a message, then the length of its head: zero at the end of a stream. */
const MARK_BYTES = 8

/**
 * An Arrow IPC stream. The library writes whole streams only: each batch is written as one, of which the schema is
 * kept once and the end mark at the end.
 */
export function arrowEncoder(columns: readonly AnswerColumn[]): Encoder {
  let waiting: AnswerChunk[] = []
  let rows = 0
  let weight_bytes = 0
  const flush = (): Uint8Array => {
    if (rows === 0) return new Uint8Array(0)
    const made = columns.map(({ type }, i) => arrowColumn(valuesOf(waiting, i), type))
    waiting = []
    rows = 0
    weight_bytes = 0
    return withoutEnd(streamOf(columns, made)).subarray(schemaBytes)
  }
  const empty = streamOf(columns, undefined)
  const schemaBytes = empty.length - MARK_BYTES
  return {
    start: () => withoutEnd(empty),
    rows(chunk) {
      waiting.push(chunk)
      rows += chunk.count
      weight_bytes += chunk.weight_bytes
      return rows < BATCH_ROWS && weight_bytes < BATCH_BYTES ? new Uint8Array(0) : flush()
    },
    end: () => Buffer.concat([flush(), empty.subarray(-MARK_BYTES)]),
  }
}

function valuesOf(chunks: readonly AnswerChunk[], i: number): readonly PlainValue[] {
  return chunks.flatMap(({ columns }) => columns[i] ?? [])
}

function withoutEnd(stream: Uint8Array): Uint8Array {
  return stream.subarray(0, stream.length - MARK_BYTES)
}

function streamOf(columns: readonly AnswerColumn[], made: readonly ArrowColumn[] | undefined): Uint8Array {
  const fields = columns.map(({ name, type }) => ({
    name,
    type: arrowTypeOf(type),
    nullable: true,
    metadata: new Map(),
  }))
  const schema: Schema = { version: Version.V5, endianness: 0, fields, metadata: new Map() }
  // Of a column the encoder reads the type and the buffers of its batches, which is what these are.
  const children = fields.map(({ type }, i) => ({ type, data: made ? [made[i]] : [] })) as unknown as Column<unknown>[]
  const stream = tableToIPC(new Table(schema, children), { format: 'stream' })
  if (!stream) throw new RangeError('the Arrow encoder gave no bytes')
  return stream
}
