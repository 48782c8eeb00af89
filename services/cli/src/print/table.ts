import Table from 'cli-table3'
import { columnsOf, wrapText } from '../run/wrap.js'

export interface PrintedColumn {
  readonly head: string
  readonly align?: 'left' | 'right'
  /** True of what is not to be broken between words, as a number and its unit. */
  readonly isWhole?: boolean
  /** Left out where the terminal has no room for all; those with the least number go first. */
  readonly dropped?: number
}

const CELL_CHARACTERS_MAX = 80

/**
 * A table in box characters that fits the width, in columns of a terminal: as it is, or with its texts wrapped between
 * words, or without the columns that may be left out, or with one field a line where that is not enough. Ends in a newline.
 */
export function tableText(
  columns: readonly PrintedColumn[],
  rows: readonly (readonly string[])[],
  width = Number.POSITIVE_INFINITY,
): string {
  const heads = columns.map(({ head }) => cell(head))
  const cells = rows.map((row) => row.map(cell))
  const order = [...columns.keys()]
    .filter((i) => columns[i]?.dropped !== undefined)
    .sort((a, b) => (columns[a]?.dropped ?? 0) - (columns[b]?.dropped ?? 0))
  for (let left = 0; left <= order.length; left++) {
    const out = new Set(order.slice(0, left))
    const kept = <T>(list: readonly T[]): T[] => list.filter((_, i) => !out.has(i))
    const box = fittedBox(kept(columns), kept(heads), cells.map(kept), width)
    if (box !== undefined)
      return left === 0
        ? box
        : `${box}${leftOut(
            heads.filter((_, i) => out.has(i)),
            width,
          )}`
  }
  if (rows.length === 0) return wrapText(`no rows of ${heads.join(', ')}\n`, width)
  return cells.map((row) => recordText(heads, row, width)).join('\n')
}

function leftOut(heads: readonly string[], width: number): string {
  return wrapText(`(a wider terminal or --json shows ${heads.join(', ')})\n`, width)
}

/** Undefined where the longest words of the columns beside each other are too wide. */
function fittedBox(
  columns: readonly PrintedColumn[],
  heads: readonly string[],
  cells: readonly (readonly string[])[],
  width: number,
): string | undefined {
  const widest = columns.map((_, i) => Math.max(...[heads, ...cells].map((row) => columnsOf(row[i] ?? ''))))
  if (boxWidth(widest) <= width) return boxText(columns, heads, cells)
  const least = (text: string, i: number): number => (columns[i]?.isWhole ? columnsOf(text) : longestWord(text))
  const words = columns.map((_, i) =>
    Math.max(longestWord(heads[i] ?? ''), ...cells.map((row) => least(row[i] ?? '', i))),
  )
  if (boxWidth(words) > width) return undefined
  const widths = sharedOut(widest, words, width)
  const wrap = (row: readonly string[]): string[] => row.map((text, i) => wrapped(text, widths[i] as number))
  return boxText(columns, wrap(heads), cells.map(wrap))
}

/** Whether the table fits the width with every row on a line. */
function fitsAsItIs(heads: readonly string[], rows: readonly (readonly string[])[], width: number): boolean {
  return boxWidth(heads.map((_, i) => Math.max(...[heads, ...rows].map((row) => columnsOf(row[i] ?? ''))))) <= width
}

function boxText(
  columns: readonly PrintedColumn[],
  heads: readonly string[],
  cells: readonly (readonly string[])[],
): string {
  const table = new Table({
    head: [...heads],
    colAligns: columns.map(({ align }) => align ?? 'left'),
    style: { head: [], border: [], compact: true },
  })
  for (const row of cells) table.push([...row])
  return `${table.toString()}\n`
}

/** Columns that a value has at least, however long the names of the fields are. */
const VALUE_COLUMNS_MIN = 16
/** A space on each side of a cell. */
const PADDING = 2

/** Characters of a line of cells that are so wide: each has its padding and a border. */
function boxWidth(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width + PADDING + 1, 1)
}

function longestWord(text: string): number {
  return Math.max(...text.split(' ').map(columnsOf))
}

/** Widths within the whole one: the widest columns give way first, none to less than its longest word. */
function sharedOut(widest: readonly number[], least: readonly number[], width: number): number[] {
  const widths = [...widest]
  for (let over = boxWidth(widths) - width; over > 0; over--) {
    let chosen = -1
    for (const [i, one] of widths.entries()) {
      if (one > (least[i] as number) && (chosen < 0 || one > (widths[chosen] as number))) chosen = i
    }
    widths[chosen] = (widths[chosen] as number) - 1
  }
  return widths
}

/** The text in lines of at most so many characters, broken between words. */
function wrapped(text: string, width: number): string {
  const lines: string[] = []
  let line: string | undefined
  for (const word of text.split(' ')) {
    if (line === undefined) line = word
    else if (columnsOf(line) + 1 + columnsOf(word) <= width) line += ` ${word}`
    else {
      lines.push(line)
      line = word
    }
  }
  return [...lines, line].join('\n')
}

/** A row with one field a line. */
function recordText(heads: readonly string[], row: readonly string[], width: number): string {
  const indent = Math.max(...heads.map(columnsOf)) + PADDING
  return heads.map((head, i) => fieldText(padded(head, indent), row[i] ?? '', width)).join('')
}

/** A value behind its name; what is too long goes on below itself, and words that are so are broken. */
export function fieldText(name: string, value: string, width: number): string {
  const indent = columnsOf(name)
  const room = Math.max(VALUE_COLUMNS_MIN, width - indent)
  const words = value.split(' ').flatMap((word) => pieces(word, room))
  return `${`${name}${wrapped(words.join(' '), room).replaceAll('\n', `\n${' '.repeat(indent)}`)}`.trimEnd()}\n`
}

function padded(text: string, columns: number): string {
  return text + ' '.repeat(columns - columnsOf(text))
}

/** The word in pieces that fit so many columns. */
function pieces(word: string, columns: number): string[] {
  const found = ['']
  for (const character of word) {
    const last = found.at(-1) as string
    if (last !== '' && columnsOf(last + character) > columns) found.push(character)
    else found[found.length - 1] = last + character
  }
  return found
}

/**
 * A text as it may stand in a terminal: control characters, which could move the cursor or worse, are written
 * out, and what is long is cut.
 */
function cell(text: string): string {
  const cut = text.length > CELL_CHARACTERS_MAX ? `${text.slice(0, CELL_CHARACTERS_MAX - 1)}…` : text
  return visible(cut)
}

const HEX_LINE_BYTES_MAX = 32

/** Bytes in hex, in lines that fit so many columns: a power of two bytes each, so that they can be counted. */
export function hexLines(bytes: Uint8Array, columns: number): string[] {
  let line_bytes = HEX_LINE_BYTES_MAX
  while (line_bytes > 1 && line_bytes * 2 > columns) line_bytes /= 2
  const lines: string[] = []
  for (let at = 0; at < bytes.length; at += line_bytes) {
    lines.push(Buffer.from(bytes.subarray(at, at + line_bytes)).toString('hex'))
  }
  return lines
}

/** A text with its control characters written as escapes. */
export function visible(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`
  })
}

/**
 * A table in which lanes are named. Where there is no room for it as it is, what all their names begin with is said once,
 * above it.
 */
export function laneTable(
  columns: readonly PrintedColumn[],
  lanes: readonly string[],
  rowsBy: (name: (lane: string) => string) => readonly (readonly string[])[],
  width: number,
): string {
  const rows = rowsBy((lane) => lane)
  const prefix = commonPrefix(lanes)
  const heads = columns.map(({ head }) => head)
  if (prefix === '' || fitsAsItIs(heads, rows, width)) return tableText(columns, rows, width)
  const short = rowsBy((lane) => `…${lane.slice(prefix.length)}`)
  const table = tableText(columns, short, width)
  // The column of the lanes may have been left out.
  return table.includes('…') ? `lanes: ${prefix}…\n${table}` : table
}

/** What the names of all topics begin with, up to a dot. */
function commonPrefix([first = '', ...others]: readonly string[]): string {
  let prefix = first.slice(0, first.lastIndexOf('/'))
  for (const other of others) while (!other.startsWith(prefix)) prefix = prefix.slice(0, -1)
  return prefix.slice(0, prefix.lastIndexOf('.') + 1)
}
