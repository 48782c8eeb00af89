import { AssayError } from '@assay/core'
import type { Command } from 'commander'
import { isRequired, meaning, typed } from './describe.js'
import type { Mistake } from './mistake.js'

interface NumberRange {
  readonly least: number
  readonly most: number
  /** What the number counts, where its option does not say it. */
  readonly unit?: string
}

/** Records a second that can be asked for. */
export const RATES: NumberRange = { least: 0.001, most: 10_000_000, unit: 'a second' }
/** Numbers of records, offsets and the like. */
export const COUNTS: NumberRange = { least: 0, most: Number.MAX_SAFE_INTEGER }

/** Reads options strictly and remembers every mistake, so that all can be told at once. */
export class OptionReader {
  readonly mistakes: Mistake[] = []

  /** Notes the options of the command that have to be given and were not. */
  required(command: Command): void {
    for (const option of command.options) {
      if (!isRequired(option) || command.getOptionValue(option.attributeName()) !== undefined) continue
      this.wrong(`${option.long}`, `${typed(option)} is missing: ${meaning(option)}`)
    }
  }

  /** Notes a mistake in what the option or argument, as typed, was given. */
  wrong(subject: string, text: string): void {
    this.mistakes.push({ subject, text })
  }

  /** Notes that options don't go together. */
  contradiction(text: string): void {
    this.mistakes.push({ text })
  }

  /** Undefined when the option was not given or is wrong. */
  integer(name: string, text: string | undefined, range: NumberRange): number | undefined {
    if (text === undefined) return undefined
    const value = /^-?\d{1,16}$/.test(text) ? Number(text) : Number.NaN
    if (Number.isSafeInteger(value) && value >= range.least && value <= range.most) return value
    this.wrong(`--${name}`, `--${name} takes an integer from ${rangeText(range)}, not "${text}"`)
    return undefined
  }

  /** A plain decimal number. */
  number(name: string, text: string | undefined, range: NumberRange): number | undefined {
    if (text === undefined) return undefined
    const value = /^-?\d{1,16}(\.\d{1,16})?$/.test(text) ? Number(text) : Number.NaN
    if (value >= range.least && value <= range.most) return value
    this.wrong(`--${name}`, `--${name} takes a number from ${rangeText(range)}, not "${text}"`)
    return undefined
  }

  choice<Choice extends string>(
    name: string,
    text: string | undefined,
    choices: readonly Choice[],
  ): Choice | undefined {
    if (text === undefined) return undefined
    const found = choices.find((choice) => choice === text)
    if (found === undefined) this.wrong(`--${name}`, `--${name} takes one of ${choices.join(', ')}, not "${text}"`)
    return found
  }

  /** Runs a parser that throws AssayErrors on the text of an option or argument, and keeps what it says. */
  parsed<Value>(subject: string, text: string | undefined, parse: (text: string) => Value): Value | undefined {
    if (text === undefined) return undefined
    try {
      return parse(text)
    } catch (error) {
      if (!(error instanceof AssayError)) throw error
      this.wrong(subject, `${subject}: ${error.message}${error.hint === undefined ? '' : `; ${error.hint}`}`)
      return undefined
    }
  }
}

function rangeText({ least, most, unit }: NumberRange): string {
  return `${least} to ${most}${unit === undefined ? '' : ` ${unit}`}`
}
