import stringWidth from 'string-width'

/** Spaces before the further lines of one that was too long, beyond its own. */
const HANG = 2
/** Where a line may be broken: at a blank, but not between a number and its unit. */
const BREAK = / (?:(?<!\d )|(?!(?:%|ms|s|min|h|B|[KMG]iB)(?!\w)))/
/** A command in a text, as it may be copied to a shell; blanks in it are quoted by `"` alone. */
const COMMAND = /^ +(?:next: )?(?:(?:npx )?assay|curl) /

/**
 * The text with no line wider than `width` columns: longer ones are broken between words, commands so that a shell
 * reads them as one. A word that is wider by itself stays whole, since it would be of no use in pieces. What is broken
 * goes on a little to the right of where it began, and not before the column `further`.
 */
export function wrapText(text: string, width: number, further = 0): string {
  return text
    .split('\n')
    .flatMap((line) => (columnsOf(line) <= width ? line : broken(line, width, further)))
    .join('\n')
}

/** What takes one column a character: ASCII and the lines of boxes. */
const NARROW = /^[\x20-\x7e…─-╿]*$/

/** Columns that a text takes in a terminal. */
export function columnsOf(text: string): number {
  return NARROW.test(text) ? text.length : stringWidth(text)
}

function broken(line: string, width: number, further: number): string[] {
  const indent = /^ *(?:- )?/.exec(line)?.[0].length ?? 0
  const before = ' '.repeat(Math.max(indent + HANG, further))
  const isCommand = COMMAND.test(line)
  const found: string[] = []
  let isQuoted = false
  let now = line.slice(0, indent)
  for (const [i, word] of line.slice(indent).split(BREAK).entries()) {
    // Between words of a command the end of a line stands for nothing behind a backslash; in quotes it is a space.
    const ending = isCommand && !isQuoted ? ' \\' : ''
    if (i === 0) now += word
    else if (columnsOf(now) + 1 + columnsOf(word) + (isCommand ? 2 : 0) <= width) now += ` ${word}`
    else {
      found.push(`${now}${ending}`.trimEnd())
      now = `${before}${word}`
    }
    if ((word.match(/"/g)?.length ?? 0) % 2 === 1) isQuoted = !isQuoted
  }
  return [...found, now]
}
