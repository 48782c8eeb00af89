const SLOTS = 4096
const PROBES_MAX = 16

/** Rows as codes into their distinct texts; -1 for a row without text. */
interface Interned {
  readonly codes: Int32Array
  readonly texts: readonly string[]
}

/**
 * Finds the distinct texts among the rows `source[starts[i] .. ends[i])` (UTF-8). Few distinct ones cost no
 * allocation a row; texts that collide, by chance or by malice, go to a map whose hash nobody can foresee.
 */
export function internSpans(source: Uint8Array, starts: Uint32Array, ends: Uint32Array, nulls: Uint8Array): Interned {
  return internFewSpans(source, starts, ends, nulls, Number.POSITIVE_INFINITY) as Interned
}

/** The same, but undefined as soon as there are more than `textsMax` distinct texts. */
export function internFewSpans(
  source: Uint8Array,
  starts: Uint32Array,
  ends: Uint32Array,
  nulls: Uint8Array | undefined,
  textsMax: number,
): Interned | undefined {
  const table = new SpanTable(source, starts, ends)
  const codes = new Int32Array(starts.length)
  for (let row = 0; row < codes.length; row++) {
    codes[row] = nulls?.[row] === 1 ? -1 : table.code(row)
    if (table.texts.length > textsMax) return undefined
  }
  return { codes, texts: table.texts }
}

class SpanTable {
  readonly texts: string[] = []
  /** For each code the row that has the text. */
  private readonly rows: number[] = []
  /** Hash table of codes: code + 1, or 0 for a free slot. */
  private readonly slots = new Int32Array(SLOTS)
  private readonly overflow = new Map<string, number>()

  constructor(
    private readonly source: Uint8Array,
    private readonly starts: Uint32Array,
    private readonly ends: Uint32Array,
  ) {}

  code(row: number): number {
    let hash = 0
    const end = this.ends[row] as number
    for (let at = this.starts[row] as number; at < end; at++)
      hash = Math.imul(hash ^ (this.source[at] as number), 0x5bd1e995)
    hash ^= hash >>> 15
    for (let probe = 0; probe < PROBES_MAX; probe++) {
      const slot = (hash + probe) & (SLOTS - 1)
      const code = (this.slots[slot] as number) - 1
      if (code < 0) {
        this.slots[slot] = this.add(row) + 1
        return this.texts.length - 1
      }
      if (this.equal(this.rows[code] as number, row)) return code
    }
    return this.overflowCode(row)
  }

  private overflowCode(row: number): number {
    const text = this.text(row)
    const code = this.overflow.get(text) ?? this.add(row)
    this.overflow.set(text, code)
    return code
  }

  private add(row: number): number {
    this.rows.push(row)
    return this.texts.push(this.text(row)) - 1
  }

  private text(row: number): string {
    const { buffer, byteOffset } = this.source
    const start = this.starts[row] as number
    return Buffer.from(buffer, byteOffset + start, (this.ends[row] as number) - start).toString('utf8')
  }

  private equal(a: number, b: number): boolean {
    const length = (this.ends[a] as number) - (this.starts[a] as number)
    if (length !== (this.ends[b] as number) - (this.starts[b] as number)) return false
    const aStart = this.starts[a] as number
    const bStart = this.starts[b] as number
    for (let i = 0; i < length; i++) {
      if (this.source[aStart + i] !== this.source[bStart + i]) return false
    }
    return true
  }
}
