import stringWidth from 'string-width'

/** Spaces before the further lines of one that was too long, beyond its own. */
const HANG = 2
/** A command in a text, as it may be copied to a shell. */
const COMMAND = /^ +assay /

/**
 * The text with no line wider than `width` columns: longer ones are broken between words, commands so that a shell
 * reads them as one. A word that is wider by itself stays whole, since it would be of no use in pieces.
 */
export function wrapText(text: string, width: number): string {
  return text
    .split('\n')
    .flatMap((line) =>
      stringWidth(line) <= width ? line : COMMAND.test(line) ? commandLines(line, width) : lines(line, width),
    )
    .join('\n')
}

/** Columns that a text takes in a terminal. */
function columnsOf(text: string): number {
  return stringWidth(text)
}

function lines(line: string, width: number): string[] {
  const indent = /^ *(?:- )?/.exec(line)?.[0].length ?? 0
  return broken(line, indent, width, () => '')
}

function commandLines(line: string, width: number): string[] {
  const indent = line.length - line.trimStart().length
  // The end of a line is part of a quoted text, and between others stands for nothing behind a backslash.
  return broken(line, indent, width, (before) => (isInQuotes(before) ? '' : ' \\'))
}

function isInQuotes(text: string): boolean {
  return (text.match(/"/g)?.length ?? 0) % 2 === 1
}

function broken(line: string, indent: number, width: number, ending: (before: string) => string): string[] {
  const found: string[] = []
  const further = ' '.repeat(indent + HANG)
  let now = line.slice(0, indent)
  let isEmpty = true
  for (const word of line.slice(indent).split(' ')) {
    const next = isEmpty ? `${now}${word}` : `${now} ${word}`
    const end = ending(found.join(' ') + next)
    if (!isEmpty && columnsOf(next) + end.length > width) {
      found.push(`${now}${ending(found.join(' ') + now)}`)
      now = `${further}${word}`
    } else now = next
    isEmpty = false
  }
  return [...found, now]
}
