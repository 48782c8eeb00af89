/** Bytes of a file's beginning that tell what it is. */
export const KIND_BYTES = 4096

/** What a file is, by its beginning: the first two can be read, the others are named for people. */
type FileKind = 'text' | 'gzip' | { readonly name: string; readonly instead: string }

const MAGIC: readonly (readonly [bytes: string, name: string])[] = [
  ['504b0304', 'a zip archive'],
  ['28b52ffd', 'compressed with zstd'],
  ['425a68', 'compressed with bzip2'],
  ['fd377a585a00', 'compressed with xz'],
]
const GZIP = '1f8b'
const UNPACK = 'unpack it and pipe it in: "… | assay load -"'
const CONVERT = 'turn its rows into feed messages first: docs/operations.md, "Archives", has the commands'

/** Files of other formats that hold trades, by their first line. */
const TABLES: readonly (readonly [line: RegExp, name: string, instead: string])[] = [
  [/^id,price,qty,quote_?qty,time,/i, "Binance's CSV of trades", CONVERT],
  [/^\d+,[\d.]+,[\d.]+,[\d.]+,\d{13,16},(true|false),(true|false)$/i, "Binance's CSV of trades", CONVERT],
  [
    /^\d+,[\d.]+,[\d.]+,\d+,\d+,\d{13,16},(true|false)/i,
    "Binance's CSV of aggregate trades",
    'it has no ids of single trades: take the CSV of trades',
  ],
  [
    /^\d{9,10}(\.\d+)?,[\d.]+,[\d.]+$/,
    "Kraken's CSV of time and sales",
    'it has neither ids nor sides, so its rows are no trades that could be told apart',
  ],
  [/^exchange,symbol,timestamp,local_timestamp,id,side,price,amount$/i, "tardis' CSV of trades", CONVERT],
]

/** The kind of a file, by its first bytes. */
export function fileKind(start: Uint8Array): FileKind {
  const bytes = Buffer.from(start.buffer, start.byteOffset, start.byteLength)
  const hex = bytes.toString('hex', 0, 8)
  if (hex.startsWith(GZIP)) return 'gzip'
  const packed = MAGIC.find(([magic]) => hex.startsWith(magic))
  if (packed) return { name: packed[1], instead: UNPACK }
  if (bytes.toString('latin1', 0, 4) === 'PAR1') return { name: 'a Parquet file', instead: CONVERT }
  if (bytes.toString('latin1', 0, 4) === 'Obj\u0001') return { name: 'an Avro container file', instead: CONVERT }
  const [line = '', next] = bytes
    .toString()
    .replace(/^\uFEFF/, '')
    .trimStart()
    .split(/\r?\n/, 2)
  const table = TABLES.find(([pattern]) => pattern.test(line))
  if (table) return { name: table[1], instead: table[2] }
  return isRow(line) && (!next || commas(next) === commas(line)) ? { name: 'a CSV file', instead: CONVERT } : 'text'
}

function isRow(line: string): boolean {
  return commas(line) >= 2 && !/[[{]/.test(line)
}

function commas(line: string): number {
  return line.split(',').length - 1
}
