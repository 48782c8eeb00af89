import type { AnswerChunk, AnswerColumn } from '@assay/engine'
import type { StreamFormat } from '../protocol/messages.js'
import { csvEncoder } from './csv.js'
import { jsonEncoder, ndjsonEncoder } from './json.js'

/** Writes an answer in one format, piece by piece. */
export interface Encoder {
  start(): Uint8Array
  rows(chunk: AnswerChunk): Uint8Array
  /** Without it the bytes are no whole answer (but for csv and ndjson, which have no end). */
  end(): Uint8Array
}

export async function encoderOf(format: StreamFormat, columns: readonly AnswerColumn[]): Promise<Encoder> {
  if (format === 'csv') return csvEncoder(columns)
  if (format === 'json') return jsonEncoder(columns)
  if (format === 'ndjson') return ndjsonEncoder(columns)
  // Every statement would wait for a library that few ask for.
  const { arrowEncoder } = await import('./arrow.js')
  return arrowEncoder(columns)
}
