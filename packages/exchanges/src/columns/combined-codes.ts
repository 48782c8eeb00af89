/** Rows as codes into what is distinct among them. */
interface Codes {
  /** From 0; -1 for a row without a value. */
  readonly codes: Int32Array
  readonly distinct: number
}

/** Rows as codes of their distinct combinations, and for each code the first row that has it. */
interface Combinations {
  readonly codes: Int32Array
  readonly rows: readonly number[]
}

/** Tables up to this size are looked up by index. */
const TABLE_MAX = 65_536

/** Finds the distinct combinations of codes; no value is a value like others. */
export function combinedCodes(first: Codes, ...others: readonly Codes[]): Combinations {
  let found = combine(first, { codes: new Int32Array(first.codes.length), distinct: 1 })
  for (const other of others) found = combine({ codes: found.codes, distinct: found.rows.length }, other)
  return found
}

function combine(a: Codes, b: Codes): Combinations {
  const codes = new Int32Array(a.codes.length)
  const rows: number[] = []
  const width = b.distinct + 1
  const size = (a.distinct + 1) * width
  const table = size <= TABLE_MAX ? new Int32Array(size) : undefined
  const map = new Map<number, number>()
  for (let row = 0; row < codes.length; row++) {
    const key = ((a.codes[row] as number) + 1) * width + (b.codes[row] as number) + 1
    // Codes are kept one higher, so that a zero is none.
    let code = table ? (table[key] as number) : (map.get(key) ?? 0)
    if (code === 0) {
      code = rows.push(row)
      if (table) table[key] = code
      else map.set(key, code)
    }
    codes[row] = code - 1
  }
  return { codes, rows }
}

/** Longs as codes; few are distinct. */
export function longCodes(
  data: BigInt64Array,
  words: Int32Array,
  nulls: Uint8Array,
): Codes & { readonly values: readonly bigint[] } {
  const codes = new Int32Array(nulls.length)
  const known = new Map<bigint, number>()
  let last = -1
  let lastRow = -1
  for (let row = 0; row < codes.length; row++) {
    if (nulls[row] === 1) {
      codes[row] = -1
      continue
    }
    const isLast =
      lastRow >= 0 && words[2 * row] === words[2 * lastRow] && words[2 * row + 1] === words[2 * lastRow + 1]
    if (!isLast) {
      const value = data[row] as bigint
      last = known.get(value) ?? known.size
      known.set(value, last)
      lastRow = row
    }
    codes[row] = last
  }
  return { codes, distinct: known.size, values: [...known.keys()] }
}
