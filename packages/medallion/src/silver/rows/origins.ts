import type { RowColumn } from '@assay/core'
import { type RecordOrigin, readOrigin } from '@assay/event-log'
import type { BronzeRows } from './rows.js'

/** How each row came into the log: the columns `origin` and `origin_id`. */
interface OriginColumns {
  readonly origin: RowColumn
  readonly origin_id: RowColumn
}

const FEED = 'feed'

/** One origin of all rows; a feed's has no id. */
export function oneOrigin({ origin, id }: { readonly origin: string; readonly id: string | null }): OriginColumns {
  return {
    origin: { type: 'CONSTANT', of: 'VARCHAR', value: origin },
    origin_id: { type: 'CONSTANT', of: 'VARCHAR', value: id },
  }
}

/** As the headers say. Rows of one producer lie together and have the same, so each is compared with the one before. */
export function originsOf({ count, headers }: BronzeRows): OriginColumns {
  if (!headers || headers.data.length === 0) return oneOrigin({ origin: FEED, id: null })
  const { data, offsets } = headers
  const found = new FoundOrigins()
  const codes = new Int32Array(count)
  let code = found.codeOf(undefined)
  let [start, end] = [0, 0]
  for (let row = 0; row < count; row++) {
    const [from, to] = [offsets[row] as number, offsets[row + 1] as number]
    if (!sameBytes(data, start, end, from, to))
      code = found.codeOf(from === to ? undefined : readOrigin(data, from, to))
    codes[row] = code
    start = from
    end = to
  }
  return found.columns(codes)
}

class FoundOrigins {
  readonly #codes = new Map<string, number>()
  readonly #origins: RecordOrigin[] = []

  /** Number of an origin, by which rows name it; 0 is the feed. */
  codeOf(origin: RecordOrigin | undefined): number {
    if (!origin) return 0
    const name = `${origin.origin}/${origin.id}`
    const known = this.#codes.get(name)
    if (known !== undefined) return known
    const code = this.#origins.push(origin)
    this.#codes.set(name, code)
    return code
  }

  columns(codes: Int32Array): OriginColumns {
    if (this.#origins.length === 0) return oneOrigin({ origin: FEED, id: null })
    const [first = 0] = codes
    const only = this.#origins[first - 1]
    if (only && codes.every((code) => code === first)) return oneOrigin(only)
    const origins = [...new Set([FEED, ...this.#origins.map(({ origin }) => origin)])]
    const ofCode = [0, ...this.#origins.map(({ origin }) => origins.indexOf(origin))]
    return {
      origin: { type: 'DICTIONARY', codes: codes.map((code) => ofCode[code] as number), dictionary: origins },
      origin_id: {
        type: 'DICTIONARY',
        codes: codes.map((code) => code - 1),
        dictionary: this.#origins.map(({ id }) => id),
      },
    }
  }
}

function sameBytes(data: Uint8Array, start: number, end: number, from: number, to: number): boolean {
  if (end - start !== to - from) return false
  for (let at = start, other = from; at < end; at++, other++) if (data[at] !== data[other]) return false
  return true
}
