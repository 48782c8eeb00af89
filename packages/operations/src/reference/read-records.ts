import { isUtf8 } from 'node:buffer'
import { checkJsonDepth } from '@assay/core'
import { parse as parseCsv } from 'csv-parse/sync'
import { parse as parseJson } from 'lossless-json'
import type { Mistakes } from './mistakes.js'

/** A row of a file as texts, by the names of its columns; null where a value is empty or missing. */
export interface FileRecord {
  /** Counted from 1; of a row over several lines, the last. */
  readonly line: number
  readonly values: ReadonlyMap<string, string | null>
}

/** The rows of a file, and the names of its columns where it says them once, for all rows. */
export interface FileRecords {
  readonly header?: { readonly line: number; readonly names: readonly string[] }
  readonly records: readonly FileRecord[]
}

/** A line that is longer can't be a row: its values are names, numbers and times. */
const LINE_CHARACTERS_MAX = 16_384
const LINES_MAX = 100_000
const LINE_END = /\r\n|\n|\r/

/**
 * Reads CSV with a header (RFC 4180, in UTF-8), or JSON lines where the first thing in the file is a brace. What can't be
 * read is noted, and the rest is read all the same.
 */
export function readRecords(bytes: Uint8Array, mistakes: Mistakes): FileRecords {
  if (!isUtf8(bytes)) {
    mistakes.add({ line: 1, expected: 'a text in UTF-8' })
    return { records: [] }
  }
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    .toString()
    .replace(/^\uFEFF/, '')
  const lines = text.split(LINE_END)
  if (lines.length > LINES_MAX) {
    mistakes.add({ line: LINES_MAX + 1, expected: `at most ${LINES_MAX} lines` })
    return { records: [] }
  }
  return text.trimStart().startsWith('{') ? { records: jsonRecords(lines, mistakes) } : csvRecords(lines, mistakes)
}

function csvRecords(lines: readonly string[], mistakes: Mistakes): FileRecords {
  const [first, ...rows] = csvRows(lines, mistakes)
  if (!first) return { records: [] }
  const header = { line: first.line, names: first.cells.map((name) => name.trim()) }
  const { names } = header
  for (const name of new Set(names.filter((one, i) => names.indexOf(one) < i))) {
    mistakes.add({ line: header.line, column: name, expected: 'each column once' })
  }
  const records = rows.flatMap(({ line, cells }) => {
    if (cells.length === names.length)
      return { line, values: new Map(names.map((name, i) => [name, cellText(cells[i])])) }
    mistakes.add({ line, expected: `${names.length} values, as many as the header has names, not ${cells.length}` })
    return []
  })
  return { header, records }
}

interface CsvRow {
  readonly line: number
  readonly cells: readonly string[]
}

function csvRows(lines: readonly string[], mistakes: Mistakes): CsvRow[] {
  let isBroken = false
  const rows = parseRows(lines.join('\n'), () => {
    isBroken = true
  })
  if (!isBroken) return rows
  // A quote that is out of place takes the lines behind it along: by itself each line shows whether it is one.
  return lines.flatMap((line, i) => {
    let why: string | undefined
    const found = parseRows(line, (first) => {
      why ??= first
    })
    if (why !== undefined) mistakes.add({ line: i + 1, expected: `a row of CSV (${why})` })
    return found.map(({ cells }) => ({ line: i + 1, cells }))
  })
}

function parseRows(text: string, onBroken: (why: string) => void): CsvRow[] {
  const found = parseCsv(text, {
    info: true,
    trim: true,
    relax_column_count: true,
    skip_empty_lines: true,
    skip_records_with_error: true,
    max_record_size: LINE_CHARACTERS_MAX,
    on_skip: (error) => {
      onBroken(`${error?.message}`.replace(/ at line \d+/, ''))
      return undefined
    },
  }) as unknown as { record: string[]; info: { lines: number } }[]
  return found.map(({ record, info }) => ({ line: info.lines, cells: record }))
}

function jsonRecords(lines: readonly string[], mistakes: Mistakes): FileRecord[] {
  return lines.flatMap((line, i) => {
    if (line.trim() === '') return []
    const object = jsonObject(line)
    if (typeof object === 'string') {
      mistakes.add({ line: i + 1, expected: object })
      return []
    }
    const values = new Map<string, string | null>()
    for (const [name, value] of Object.entries(object)) {
      if (value === null || typeof value === 'string') values.set(name, cellText(value))
      else mistakes.add({ line: i + 1, column: name, expected: 'a text, a number or null' })
    }
    return { line: i + 1, values }
  })
}

/** The line's object, its numbers as the texts that they are written as; else what should stand there. */
function jsonObject(line: string): Record<string, unknown> | string {
  if (line.length > LINE_CHARACTERS_MAX) return `a line of at most ${LINE_CHARACTERS_MAX} characters`
  try {
    checkJsonDepth(line)
    const value = parseJson(line, null, { parseNumber: (number) => number })
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
    return 'a JSON object'
  } catch (error) {
    return `a JSON object (${error instanceof Error ? error.message : error})`
  }
}

function cellText(text: string | null | undefined): string | null {
  const value = text?.trim() ?? ''
  return value === '' ? null : value
}
