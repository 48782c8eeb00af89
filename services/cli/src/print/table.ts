import Table from 'cli-table3'

interface PrintedColumn {
  readonly head: string
  readonly align?: 'left' | 'right'
}

const CELL_CHARACTERS_MAX = 80

/**
 * A table in box characters that fits the width, in characters: as it is, or with its texts wrapped between words, or
 * with one field a line where that is not enough. Ends in a newline.
 */
export function tableText(
  columns: readonly PrintedColumn[],
  rows: readonly (readonly string[])[],
  width = Number.POSITIVE_INFINITY,
): string {
  const heads = columns.map(({ head }) => cell(head))
  const cells = rows.map((row) => row.map(cell))
  const widest = columns.map((_, i) => Math.max(...[heads, ...cells].map((row) => row[i]?.length ?? 0)))
  if (boxWidth(widest) <= width) return boxText(columns, heads, cells)
  const words = columns.map((_, i) => Math.max(...[heads, ...cells].map((row) => longestWord(row[i] ?? ''))))
  if (boxWidth(words) <= width) {
    const widths = sharedOut(widest, words, width)
    const wrap = (row: readonly string[]): string[] => row.map((text, i) => wrapped(text, widths[i] as number))
    return boxText(columns, wrap(heads), cells.map(wrap))
  }
  return cells.map((row) => recordText(heads, row)).join('\n')
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

/** A space on each side of a cell. */
const PADDING = 2

/** Characters of a line of cells that are so wide: each has its padding and a border. */
function boxWidth(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width + PADDING + 1, 1)
}

function longestWord(text: string): number {
  return Math.max(...text.split(' ').map((word) => word.length))
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
    else if (line.length + 1 + word.length <= width) line += ` ${word}`
    else {
      lines.push(line)
      line = word
    }
  }
  return [...lines, line].join('\n')
}

/** A row with one field a line. */
function recordText(heads: readonly string[], row: readonly string[]): string {
  const indent = Math.max(...heads.map((head) => head.length)) + PADDING
  return heads.map((head, i) => `${`${head.padEnd(indent)}${row[i]}`.trimEnd()}\n`).join('')
}

/**
 * A text as it may stand in a terminal: control characters, which could move the cursor or worse, are written
 * out, and what is long is cut.
 */
function cell(text: string): string {
  const cut = text.length > CELL_CHARACTERS_MAX ? `${text.slice(0, CELL_CHARACTERS_MAX - 1)}…` : text
  return visible(cut)
}

/** A text with its control characters written as escapes. */
export function visible(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`
  })
}
