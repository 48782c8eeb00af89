/** A bound of a column: TIMESTAMPTZ in µs, DATE in days, DECIMAL unscaled; text as it is. */
type StatValue = bigint | string | boolean

export interface Bounds {
  readonly min?: StatValue
  readonly max?: StatValue
}

/** DuckDB cuts a text's statistics at 256 bytes and then raises the last byte of the greatest. */
const EXACT_TEXT_BYTES_MAX = 240
const PREFIX_CODE_POINTS = 60
/** What a cut or raised character looks like once it has been read as UTF-8. */
const REPLACEMENT = '\ufffd'

/**
 * Typed bounds of a column from the texts of RETURN_STATS. A bound that is too narrow hides rows from every reader,
 * so whatever is not understood to the last character is left out. Left out always: DOUBLE (its NaNs are counted
 * for the last row group only), UUID (engines disagree on their order), BLOB and nested types.
 */
export function parseBounds(sqlType: string, minText: string | undefined, maxText: string | undefined): Bounds {
  if (minText === undefined || maxText === undefined) return {}
  if (sqlType === 'VARCHAR') return textBounds(minText, maxText)
  const parse = parserOf(sqlType)
  const min = parse?.(minText)
  const max = parse?.(maxText)
  if (min === undefined || max === undefined || min > max) return {}
  return { min, max }
}

function parserOf(sqlType: string): ((text: string) => bigint | boolean | undefined) | undefined {
  if (/^(?:BIGINT|INTEGER|SMALLINT|TINYINT|UTINYINT)$/.test(sqlType)) return parseInteger
  if (sqlType === 'BOOLEAN') return parseBoolean
  if (sqlType === 'DATE') return parseDate
  if (sqlType === 'TIMESTAMPTZ') return parseTimestamp
  const decimal = /^DECIMAL\(\d+,(\d+)\)$/.exec(sqlType)
  if (decimal) return (text) => parseDecimal(text, Number(decimal[1]))
  return undefined
}

function textBounds(min: string, max: string): Bounds {
  const isExact = Buffer.byteLength(max) <= EXACT_TEXT_BYTES_MAX && !max.includes(REPLACEMENT)
  const whole = min.split(REPLACEMENT, 1)[0] as string
  // Any prefix of the least text is below it.
  const low =
    Buffer.byteLength(whole) <= EXACT_TEXT_BYTES_MAX ? whole : [...whole].slice(0, PREFIX_CODE_POINTS).join('')
  return isExact ? { min: low, max } : { min: low }
}

function parseInteger(text: string): bigint | undefined {
  return /^-?\d{1,19}$/.test(text) ? BigInt(text) : undefined
}

function parseBoolean(text: string): boolean | undefined {
  if (text === '0' || text === 'false') return false
  if (text === '1' || text === 'true') return true
  return undefined
}

function parseDecimal(text: string, scale: number): bigint | undefined {
  const match = /^(-?)(\d{1,38})(?:\.(\d{1,38}))?$/.exec(text)
  if (!match) return undefined
  const fraction = match[3] ?? ''
  if (fraction.length !== scale) return undefined
  const unscaled = BigInt(`${match[2]}${fraction}`)
  return match[1] ? -unscaled : unscaled
}

const DAY_MS = 86_400_000

/** `2026-01-31`; years from 1 to 9999 only, the others are written in more than one way. */
function parseDate(text: string): bigint | undefined {
  const match = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text)
  if (!match) return undefined
  const date = new Date(0)
  date.setUTCFullYear(Number(match[1]), Number(match[2]) - 1, Number(match[3]))
  if (date.toISOString().slice(0, 10) !== text) return undefined
  return BigInt(date.getTime() / DAY_MS)
}

/** `2026-01-31 23:59:59.123456+00`, as DuckDB writes it when its time zone is UTC. */
function parseTimestamp(text: string): bigint | undefined {
  const match = /^(\d{4}-\d\d-\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?\+00$/.exec(text)
  if (!match) return undefined
  const days = parseDate(match[1] as string)
  const hours = Number(match[2])
  const minutes = Number(match[3])
  const seconds = Number(match[4])
  if (days === undefined || hours > 23 || minutes > 59 || seconds > 59) return undefined
  const micros = BigInt((match[5] ?? '').padEnd(6, '0'))
  return (days * 86_400n + BigInt(hours * 3600 + minutes * 60 + seconds)) * 1_000_000n + micros
}
