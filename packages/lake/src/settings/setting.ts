import { isSecretName, UsageError } from '@assay/core'
import { closest, distance } from 'fastest-levenshtein'
import { z } from 'zod'

/** One environment variable. */
export interface Setting<T> {
  /** Text that is read when the variable is not set. */
  readonly fallback: string
  /** The values that the variable takes, in words. */
  readonly accepts: string
  /** What the variable does, in a sentence. */
  readonly means: string
  readonly schema: z.ZodType<T, string>
}

type Settings = Readonly<Record<string, Setting<unknown>>>
export type Values<S extends Settings> = { readonly [Name in keyof S]: z.output<S[Name]['schema']> }
export type Environment = Readonly<Record<string, string | undefined>>

const PREFIX = 'ASSAY_'
/** A name that differs by more letters is another word, not a slip. */
const SLIP_LETTERS_MAX = 6

/**
 * Reads settings from the environment. A name that begins with ASSAY_ and is none of `known` is a mistake. Where there
 * are mistakes the values are only good for finding more: a wrong one is as if it were not set.
 */
export function readSettings<S extends Settings>(
  settings: S,
  env: Environment,
  known: readonly string[],
): { readonly values: Values<S>; readonly mistakes: string[] } {
  const mistakes = Object.keys(env)
    .filter((name) => name.startsWith(PREFIX) && !known.includes(name))
    .map((name) => unknownName(name, known))
  const values: Record<string, unknown> = {}
  for (const [name, { schema, fallback }] of Object.entries<Setting<unknown>>(settings)) {
    const text = env[name] ?? fallback
    const outcome = schema.safeParse(text)
    if (!isLogin(name) && holdsCredentials(text)) {
      mistakes.push(`${name} must hold no user, password or token: there are settings of their own for these`)
      values[name] = schema.safeParse(fallback).data
    } else if (outcome.success) values[name] = outcome.data
    else {
      mistakes.push(`${name} ${outcome.error.issues[0]?.message ?? 'is wrong'}${shown(name, text)}`)
      values[name] = schema.safeParse(fallback).data
    }
  }
  return { values: values as Values<S>, mistakes }
}

/** Addresses, in which a secret may stand where none belongs. */
const ADDRESS = /_(?:LAKE|BROKERS|URL|ENDPOINT)$/

/** `user:password@host`, or `?token=…` behind an address: values of settings are told in errors, logs and reports. */
function holdsCredentials(text: string): boolean {
  return /:[^/\s:@]*@|:\/\/[^/\s]*@/.test(text) || /[?&#][\w.-]+=/.test(text)
}

/** A setting whose wrong values nobody tells. */
function isLogin(name: string): boolean {
  return isSecretName(name) || name.endsWith('_USERNAME')
}

/** A value that may be a secret is not repeated. */
function shown(name: string, text: string): string {
  return isLogin(name) || ADDRESS.test(name) ? '' : `, not ${JSON.stringify(text)}`
}

export function badConfiguration(mistakes: readonly string[]): UsageError {
  return new UsageError('bad_configuration', mistakes.join('\n'), {
    hint: 'docs/configuration.md lists every setting and what it takes',
  })
}

function unknownName(name: string, known: readonly string[]): string {
  const nearest = closest(name, [...known])
  if (distance(name, nearest) > SLIP_LETTERS_MAX) return `${name} is not a setting`
  return `${name} is not a setting; did you mean ${nearest}?`
}

export function wholeNumber(least: number, most: number): z.ZodType<number, string> {
  const message = `must be a whole number from ${least} to ${most}`
  return z
    .string()
    .regex(/^\d{1,15}$/, message)
    .transform(Number)
    .refine((value) => value >= least && value <= most, message)
}

/** The same; the empty text stands for "not set". */
export function optionalWholeNumber(least: number, most: number): z.ZodType<number | undefined, string> {
  const number = wholeNumber(least, most)
  return z.string().transform((text, context) => {
    if (text === '') return undefined
    const outcome = number.safeParse(text)
    if (outcome.success) return outcome.data
    context.addIssue({ code: 'custom', message: outcome.error.issues[0]?.message ?? 'is no number' })
    return z.NEVER
  })
}

/** Schema of a setting that is `true` or `false`. */
export const flag: z.ZodType<boolean, string> = z
  .enum(['true', 'false'], 'must be true or false')
  .transform((text) => text === 'true')

export function oneOf<Choice extends string>(choices: readonly Choice[]): z.ZodType<Choice, string> {
  return z
    .string()
    .refine((text) => choices.some((choice) => choice === text), `must be one of ${choices.join(', ')}`)
    .transform((text) => text as Choice)
}

/** Schema of any text; the empty one stands for "not set". */
export const optionalText: z.ZodType<string | undefined, string> = z
  .string()
  .transform((text) => (text === '' ? undefined : text))

/** An http or https address without a trailing slash; the empty text stands for "not set". */
export const optionalUrl: z.ZodType<string | undefined, string> = z
  .string()
  .refine(
    (text) => text === '' || /^https?:\/\/[^\s/@?#]+(\/[^\s@?#]*)?$/.test(text),
    'must be an address like http://host:port/path, without a user, a password or a query in it',
  )
  .transform((text) => (text === '' ? undefined : text.replace(/\/+$/, '')))
