/** One simple command of a shell text. */
export interface ShellCommand {
  /** Assignments before the command, or alone. */
  readonly assigned: Readonly<Record<string, string>>
  readonly words: readonly string[]
}

const OPERATOR = /^(&&|\|\||[|;&\n()])/
const REDIRECTION = /^\d?(>>|>&|<<<|>|<)/

/**
 * The simple commands of a shell text, those of `$(…)` too, in the order in which they end. It knows what pages use:
 * quotes, continued lines, comments, pipes, lists, redirections and assignments. Variables stay as they are written.
 */
export function shellCommands(text: string): ShellCommand[] {
  return new Reader(text).commands()
}

/** True when the text ends within quotes or with a continued line. */
export function isUnfinished(text: string): boolean {
  const reader = new Reader(text)
  reader.commands()
  return reader.isUnfinished
}

class Reader {
  isUnfinished = false
  readonly #text: string
  #at = 0
  readonly #found: ShellCommand[] = []

  constructor(text: string) {
    this.#text = text
  }

  commands(): ShellCommand[] {
    let words: string[] = []
    const end = (): void => {
      const first = words.findIndex((word) => !/^\w+=/.test(word))
      const assigned = words.slice(0, first < 0 ? words.length : first).map((word) => splitOnce(word, '='))
      if (words.length > 0) {
        this.#found.push({ assigned: Object.fromEntries(assigned), words: first < 0 ? [] : words.slice(first) })
      }
      words = []
    }
    while (this.#at < this.#text.length) {
      if (this.#takes(/^[ \t]+/) || this.#takes(/^\\\n/) || this.#takes(/^#[^\n]*/)) continue
      if (this.#takes(OPERATOR)) end()
      else if (this.#takes(REDIRECTION)) this.#target()
      else words.push(this.#word())
    }
    end()
    return this.#found
  }

  #takes(pattern: RegExp): string | undefined {
    const found = pattern.exec(this.#text.slice(this.#at))?.[0]
    this.#at += found?.length ?? 0
    return found
  }

  #target(): void {
    this.#takes(/^[ \t]+/)
    this.#word()
  }

  #word(): string {
    let word = ''
    for (;;) {
      const plain = this.#takes(/^[^\s\\'"$|;&()<>]+/)
      if (plain !== undefined) word += plain
      else if (this.#takes(/^'/)) word += this.#quoted(/^[^']+/, "'")
      else if (this.#takes(/^"/)) word += this.#doubleQuoted()
      else if (this.#takes(/^\$\(/)) word += this.#substituted()
      else if (this.#takes(/^\$/)) word += '$'
      else if (this.#takes(/^\\\n/)) continue
      else if (this.#takes(/^\\/)) word += this.#character()
      else return word
    }
  }

  #quoted(content: RegExp, quote: string): string {
    const text = this.#takes(content) ?? ''
    if (this.#character() !== quote) this.isUnfinished = true
    return text
  }

  #doubleQuoted(): string {
    let text = ''
    for (;;) {
      const plain = this.#takes(/^[^"\\$]+/)
      if (plain !== undefined) text += plain
      else if (this.#takes(/^\$\(/)) text += this.#substituted()
      else if (this.#takes(/^\\\n/)) continue
      else if (this.#takes(/^\\/)) text += this.#character()
      else if (this.#takes(/^\$/)) text += '$'
      else {
        if (this.#character() !== '"') this.isUnfinished = true
        return text
      }
    }
  }

  /** A command in `$(…)`: its commands are found too. */
  #substituted(): string {
    const from = this.#at
    let depth = 1
    while (depth > 0 && this.#at < this.#text.length) {
      const char = this.#character()
      if (char === '(') depth += 1
      if (char === ')') depth -= 1
    }
    const inner = this.#text.slice(from, this.#at - 1)
    this.#found.push(...shellCommands(inner))
    return `$(${inner})`
  }

  #character(): string {
    const char = this.#text[this.#at] ?? ''
    this.#at += 1
    return char
  }
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator)
  return [text.slice(0, at), text.slice(at + 1)]
}
