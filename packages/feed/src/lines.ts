import { isUtf8 } from 'node:buffer'

/** A line of a text that is read as a stream; numbers count from 1, blank lines too. */
export type Line =
  | { readonly kind: 'text'; readonly number: number; readonly text: string }
  | { readonly kind: 'unreadable'; readonly number: number; readonly reason: string }

/** A longer line is skipped unread; no feed's message comes near it. */
export const LINE_BYTES_MAX = 4 * 2 ** 20

const NEWLINE = 0x0a
const BLANK = /^\s*$/

/** Splits bytes into lines, as many at a time as a chunk ends; blank ones are left out. Holds one line at most. */
export async function* readLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Line[], void, undefined> {
  const splitter = new LineSplitter()
  for await (const chunk of chunks) yield splitter.push(chunk)
  yield splitter.end()
}

/** Ends with the chunks or on abort, even while standard input is silent. */
export async function* untilAborted(
  chunks: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const aborted = new Promise<undefined>((resolve) => {
    signal.addEventListener('abort', () => resolve(undefined), { once: true })
  })
  const iterator = chunks[Symbol.asyncIterator]()
  while (!signal.aborted) {
    const next = await Promise.race([iterator.next(), aborted])
    if (!next || next.done) return
    yield next.value
  }
}

class LineSplitter {
  #parts: Uint8Array[] = []
  #length = 0
  #number = 0

  push(chunk: Uint8Array): Line[] {
    const lines: Line[] = []
    let from = 0
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      this.#take(chunk.subarray(from, at))
      this.#finish(lines)
      from = at + 1
    }
    this.#take(chunk.subarray(from))
    return lines
  }

  end(): Line[] {
    const lines: Line[] = []
    if (this.#length > 0) this.#finish(lines)
    return lines
  }

  #take(part: Uint8Array): void {
    this.#length += part.length
    if (this.#length > LINE_BYTES_MAX) this.#parts = []
    else if (part.length > 0) this.#parts.push(part)
  }

  #finish(lines: Line[]): void {
    const number = ++this.#number
    const bytes = Buffer.concat(this.#parts)
    const isTooLong = this.#length > LINE_BYTES_MAX
    this.#parts = []
    this.#length = 0
    if (isTooLong) {
      lines.push({ kind: 'unreadable', number, reason: `the line is longer than ${LINE_BYTES_MAX} bytes` })
    } else if (!isUtf8(bytes)) {
      lines.push({ kind: 'unreadable', number, reason: 'the line is not UTF-8' })
    } else {
      const text = number === 1 ? bytes.toString().replace(/^\uFEFF/, '') : bytes.toString()
      if (!BLANK.test(text)) lines.push({ kind: 'text', number, text })
    }
  }
}
