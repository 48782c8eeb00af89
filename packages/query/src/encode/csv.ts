import type { AnswerColumn } from '@assay/engine'
import type { Encoder } from './encoder.js'
import { textOf } from './text.js'

/** RFC 4180 with a header and `\n`; NULL is nothing, the empty text is `""`. */
export function csvEncoder(columns: readonly AnswerColumn[]): Encoder {
  return {
    start: () => Buffer.from(`${columns.map(({ name }) => csvField(name)).join(',')}\n`),
    rows(chunk) {
      const fields = columns.map(({ type }, i) =>
        (chunk.columns[i] ?? []).map((value) => csvField(textOf(value, type))),
      )
      let text = ''
      for (let row = 0; row < chunk.count; row++) {
        for (let i = 0; i < fields.length; i++) text += i === 0 ? fields[i]?.[row] : `,${fields[i]?.[row]}`
        text += '\n'
      }
      return Buffer.from(text)
    },
    end: () => Buffer.alloc(0),
  }
}

function csvField(text: string | undefined): string {
  if (text === undefined) return ''
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
