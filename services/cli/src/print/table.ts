import Table from 'cli-table3'

export interface PrintedColumn {
  readonly head: string
  readonly align?: 'left' | 'right'
}

const CELL_CHARACTERS_MAX = 80

/** A table in box characters; ends in a newline. */
export function tableText(columns: readonly PrintedColumn[], rows: readonly (readonly string[])[]): string {
  const table = new Table({
    head: columns.map(({ head }) => cell(head)),
    colAligns: columns.map(({ align }) => align ?? 'left'),
    style: { head: [], border: [], compact: true },
  })
  for (const row of rows) table.push(row.map(cell))
  return `${table.toString()}\n`
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
