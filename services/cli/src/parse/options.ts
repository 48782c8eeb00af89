import { AssayError } from '@assay/core'

export interface NumberRange {
  readonly least: number
  readonly most: number
}

/** Reads options strictly and remembers every mistake, so that all can be told at once. */
export class OptionReader {
  readonly mistakes: string[] = []

  /** Notes an option that has to be given and was not. */
  required(name: string, text: string | undefined): void {
    if (text === undefined) this.mistakes.push(`--${name} is missing`)
  }

  /** Undefined when the option was not given or is wrong. */
  integer(name: string, text: string | undefined, range: NumberRange): number | undefined {
    if (text === undefined) return undefined
    const value = /^-?\d{1,16}$/.test(text) ? Number(text) : Number.NaN
    if (Number.isSafeInteger(value) && value >= range.least && value <= range.most) return value
    this.mistakes.push(`--${name} takes an integer from ${range.least} to ${range.most}, not "${text}"`)
    return undefined
  }

  /** A plain decimal number. */
  number(name: string, text: string | undefined, range: NumberRange): number | undefined {
    if (text === undefined) return undefined
    const value = /^-?\d{1,16}(\.\d{1,16})?$/.test(text) ? Number(text) : Number.NaN
    if (value >= range.least && value <= range.most) return value
    this.mistakes.push(`--${name} takes a number from ${range.least} to ${range.most}, not "${text}"`)
    return undefined
  }

  choice<Choice extends string>(
    name: string,
    text: string | undefined,
    choices: readonly Choice[],
  ): Choice | undefined {
    if (text === undefined) return undefined
    const found = choices.find((choice) => choice === text)
    if (found === undefined) this.mistakes.push(`--${name} takes one of ${choices.join(', ')}, not "${text}"`)
    return found
  }

  /** Runs a parser that throws AssayErrors, and keeps what it says as a mistake. */
  parsed<Value>(text: string | undefined, parse: (text: string) => Value): Value | undefined {
    if (text === undefined) return undefined
    try {
      return parse(text)
    } catch (error) {
      if (!(error instanceof AssayError)) throw error
      this.mistakes.push(error.hint === undefined ? error.message : `${error.message}: ${error.hint}`)
      return undefined
    }
  }
}
