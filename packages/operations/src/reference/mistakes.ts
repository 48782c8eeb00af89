/** Something wrong in a file of rows. */
interface FileMistake {
  /** Counted from 1. */
  readonly line: number
  readonly column?: string
  /** What was found there; undefined where it says nothing. */
  readonly value?: string | null
  readonly expected: string
}

/** Mistakes that are kept; the others are counted. */
const KEPT_MAX = 100
const VALUE_CHARACTERS_MAX = 64

/** All that is wrong in a file: counted, and the first of it kept. */
export class Mistakes {
  readonly #kept: FileMistake[] = []
  #count = 0

  get count(): number {
    return this.#count
  }

  add(mistake: FileMistake): void {
    this.#count++
    if (this.#kept.length < KEPT_MAX) this.#kept.push(mistake)
  }

  /** A line for each that was kept, in the order of the file, and how many more there are. */
  text(): string {
    const lines = [...this.#kept].sort((a, b) => a.line - b.line).map(textOf)
    const more = this.#count - this.#kept.length
    return [...lines, ...(more > 0 ? [`… and ${more} more`] : [])].join('\n')
  }
}

function textOf({ line, column, value, expected }: FileMistake): string {
  const found = value === undefined ? '' : ` ${value === null ? 'is empty' : JSON.stringify(cut(value))}`
  const about = column === undefined ? '' : ` ${cut(column)}`
  return `- line ${line}:${about}${found}${about || found ? ': ' : ' '}expected ${expected}`
}

function cut(text: string): string {
  return text.length > VALUE_CHARACTERS_MAX ? `${text.slice(0, VALUE_CHARACTERS_MAX - 1)}…` : text
}
