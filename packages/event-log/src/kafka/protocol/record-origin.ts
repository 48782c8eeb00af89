/** How a record came into the log other than by a feed, as its producer says in two of its headers. */
export interface RecordOrigin {
  readonly origin: string
  /** Names the job that wrote it: letters, digits, `.`, `_` and `-`, at most 64. */
  readonly id: string
}

const ORIGIN = 'assay-origin'
const ORIGIN_ID = 'assay-origin-id'
/** What a producer may say of itself; everything else is a feed. */
const PRODUCED: ReadonlySet<string> = new Set(['load'])
const ID = /^[\w.-]{1,64}$/

/** The headers that say it, in Kafka's encoding. */
export function originHeaders({ origin, id }: RecordOrigin): Uint8Array {
  const texts = [ORIGIN, origin, ORIGIN_ID, id].map((text) => Buffer.from(text))
  return Buffer.concat([varint(texts.length / 2), ...texts.flatMap((text) => [varint(text.length), text])])
}

/** A zigzag varint of a length below 2^13. */
function varint(length: number): Uint8Array {
  const zigzag = 2 * length
  return zigzag < 0x80 ? Uint8Array.of(zigzag) : Uint8Array.of((zigzag & 0x7f) | 0x80, zigzag >>> 7)
}

/** What the headers of a record, `data[from .. to)` in Kafka's encoding, say; undefined where it came by a feed. */
export function readOrigin(data: Uint8Array, from: number, to: number): RecordOrigin | undefined {
  const headers = readHeaders(data, from, to)
  const [origin, id] = [headers.get(ORIGIN), headers.get(ORIGIN_ID)]
  return origin !== undefined && PRODUCED.has(origin) && id !== undefined && ID.test(id) ? { origin, id } : undefined
}

/** The two headers, as far as they are there; a name that is there twice has its first value. */
function readHeaders(data: Uint8Array, from: number, to: number): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  let at = from
  const length = (): number => {
    let value = 0
    for (let shift = 0; shift < 35 && at < to; shift += 7) {
      const byte = data[at++] as number
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return (value >>> 1) ^ -(value & 1)
    }
    return Number.NaN
  }
  const text = (): string | undefined => {
    const size = length()
    if (!(size >= 0 && at + size <= to)) return undefined
    const start = at
    at += size
    // Longer ones are none of ours.
    return size > 64 ? '' : Buffer.from(data.buffer, data.byteOffset + start, size).toString('latin1')
  }
  for (let left = length(); left > 0 && found.size < 2; left--) {
    const name = text()
    if (name === undefined) break
    const isOurs = (name === ORIGIN || name === ORIGIN_ID) && !found.has(name)
    if (data[at] === NULL_VALUE) at++
    else {
      const value = text()
      if (value === undefined) break
      if (isOurs) found.set(name, value)
    }
  }
  return found
}

/** A length of -1. */
const NULL_VALUE = 1
