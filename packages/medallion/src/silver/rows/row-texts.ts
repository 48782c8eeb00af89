import type { DictionaryColumn } from '@assay/core'

const CHARACTERS_MAX = 2_000

/** Texts of a few rows of a batch. Long ones are cut: they are for people. */
export class RowTexts {
  readonly #codes: Int32Array
  readonly #texts: string[] = []
  readonly #known = new Map<string, number>()
  readonly #maxCharacters: number

  constructor(count: number, maxCharacters = CHARACTERS_MAX) {
    this.#codes = new Int32Array(count).fill(-1)
    this.#maxCharacters = maxCharacters
  }

  /** Undefined and the empty text make the row null. */
  set(row: number, text: string | undefined): void {
    this.#codes[row] = text === undefined || text === '' ? -1 : this.#codeOf(text.slice(0, this.#maxCharacters))
  }

  get(row: number): string | undefined {
    return this.#texts[this.#codes[row] as number]
  }

  column(): DictionaryColumn {
    return { type: 'DICTIONARY', codes: this.#codes, dictionary: this.#texts }
  }

  #codeOf(text: string): number {
    const known = this.#known.get(text)
    if (known !== undefined) return known
    this.#known.set(text, this.#texts.length)
    return this.#texts.push(text) - 1
  }
}
