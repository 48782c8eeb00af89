import type { AnswerChunk, AnswerColumn } from '@assay/engine'
import type { Encoder } from './encoder.js'
import { jsonOf } from './text.js'

/** One array of objects, an object a line. Without its closing bracket it is no JSON: half an answer can't be read. */
export function jsonEncoder(columns: readonly AnswerColumn[]): Encoder {
  let isFirst = true
  return {
    start: () => Buffer.from('['),
    rows(chunk) {
      const text = objectsOf(columns, chunk)
        .map((object) => {
          const line = `${isFirst ? '' : ','}\n${object}`
          isFirst = false
          return line
        })
        .join('')
      return Buffer.from(text)
    },
    end: () => Buffer.from(isFirst ? ']\n' : '\n]\n'),
  }
}

/** An object a line. */
export function ndjsonEncoder(columns: readonly AnswerColumn[]): Encoder {
  return {
    start: () => Buffer.alloc(0),
    rows: (chunk) =>
      Buffer.from(
        objectsOf(columns, chunk)
          .map((object) => `${object}\n`)
          .join(''),
      ),
    end: () => Buffer.alloc(0),
  }
}

function objectsOf(columns: readonly AnswerColumn[], chunk: AnswerChunk): string[] {
  const members = columns.map(({ name, type }, i) => {
    const key = `${i === 0 ? '' : ','}${JSON.stringify(name)}:`
    return (chunk.columns[i] ?? []).map((value) => key + jsonOf(value, type))
  })
  return Array.from({ length: chunk.count }, (_, row) => `{${members.map((member) => member[row]).join('')}}`)
}
