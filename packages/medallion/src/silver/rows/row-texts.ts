import type { RowColumn } from '@assay/core'

const CHARACTERS_MAX = 2_000

/** Texts of a few rows of a batch. Long ones are cut: they are for people. */
export class RowTexts {
  readonly length: number
  #codes: Int32Array | undefined
  readonly #texts: string[] = []
  readonly #known = new Map<string, number>()
  readonly #maxCharacters: number

  constructor(length: number, maxCharacters = CHARACTERS_MAX) {
    this.length = length
    this.#maxCharacters = maxCharacters
  }

  /** True while no row has had a text. */
  get isEmpty(): boolean {
    return this.#codes === undefined
  }

  /** Undefined and the empty text make the row null. */
  set(row: number, text: string | undefined): void {
    if (text === undefined || text === '') {
      if (this.#codes) this.#codes[row] = -1
      return
    }
    this.#codes ??= new Int32Array(this.length).fill(-1)
    this.#codes[row] = this.#codeOf(text.slice(0, this.#maxCharacters))
  }

  get(row: number): string | undefined {
    return this.#codes && this.#texts[this.#codes[row] as number]
  }

  column(): RowColumn {
    if (!this.#codes) return { type: 'CONSTANT', of: 'VARCHAR', value: null }
    return { type: 'DICTIONARY', codes: this.#codes, dictionary: this.#texts }
  }

  #codeOf(text: string): number {
    const known = this.#known.get(text)
    if (known !== undefined) return known
    this.#known.set(text, this.#texts.length)
    return this.#texts.push(text) - 1
  }
}
