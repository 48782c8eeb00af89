import { createHash } from 'node:crypto'
import { DECODING_VERSION, type DecodingVersion } from '@assay/avro'
import { extendReading, FIRST_READING, type MarketAdditions, PRESENT_READING, type Reading } from '@assay/exchanges'

/**
 * One condition that a trade must meet. `predicate` is DuckDB SQL over the mapped columns; a row breaks
 * the rule unless it is TRUE, so that a NULL can never slip through.
 */
export interface Rule {
  readonly name: string
  readonly predicate: string
  /** `error_reason` of a row that breaks the rule. */
  readonly reason: string
  /** `error_type` of a row that breaks the rule. */
  readonly type: ErrorType
  /** SQL text of the offending value, for `error_detail`. */
  readonly value: string
  /** Version of Assay that introduced the rule. */
  readonly since: string
}

/** What kind of thing a rule is about, as a dead letter's `error_type` says. */
export const ERROR_TYPES = [
  'asset_class_validation',
  'message_id_validation',
  'price_validation',
  'quantity_validation',
  'side_validation',
  'symbol_validation',
  'timestamp_validation',
  'unknown_error',
] as const

export type ErrorType = (typeof ERROR_TYPES)[number]

export interface RuleSet {
  /** Derived from the content: two sets with the same rules have the same version. */
  readonly version: string
  /** The rules in order: the first that fails gives the reason. */
  readonly rules: readonly Rule[]
  /** A row further than this behind the greatest trusted event time seen earlier in its lane is late. */
  readonly lateness_delay_ms: number
  /** An event time further than this ahead of its lane is trusted once another row bears it out; any without. */
  readonly lateness_jump_ms: number | undefined
  /** How the texts of records become the values that rules look at. */
  readonly reading: Reading
  /** How records are decoded before that. */
  readonly decoding: DecodingVersion
}

/** What a rule set says beside its rules and the delay. */
export type RuleSetExtras = Pick<RuleSet, 'lateness_jump_ms' | 'reading' | 'decoding'>

/** What today's rule sets say. */
export const PRESENT_EXTRAS: RuleSetExtras = {
  lateness_jump_ms: 300_000,
  reading: PRESENT_READING,
  decoding: DECODING_VERSION,
}
/** What is meant where a ledger's rule set says nothing of these: it is from before they were kept. */
export const FIRST_EXTRAS: RuleSetExtras = { lateness_jump_ms: undefined, reading: FIRST_READING, decoding: 1 }

export function defineRuleSet(
  rules: readonly Rule[],
  lateness_delay_ms: number,
  extras: RuleSetExtras = PRESENT_EXTRAS,
): RuleSet {
  const set = { rules, lateness_delay_ms, ...extras }
  const digest = createHash('sha256').update(ruleSetJson(set)).digest('hex')
  return { version: `rules-${digest.slice(0, 12)}`, ...set }
}

/** The rule set as the `rule_sets` ledger keeps it, whole. */
export function ruleSetJson(set: Omit<RuleSet, 'version'>): string {
  const { rules, lateness_delay_ms, lateness_jump_ms, reading, decoding } = set
  const isFirst = reading.method === FIRST_READING.method
  return JSON.stringify({
    rules,
    lateness_delay_ms,
    lateness_jump_ms,
    ...(!isFirst && { reading }),
    ...(decoding !== FIRST_EXTRAS.decoding && { decoding }),
  })
}

/** The rule set with more quotes, bases and pairs known; the same object where nothing is new. */
export function extendRules(set: RuleSet, additions: MarketAdditions): RuleSet {
  const reading = extendReading(set.reading, additions)
  if (reading === set.reading) return set
  const { rules, lateness_delay_ms, lateness_jump_ms, decoding } = set
  return defineRuleSet(rules, lateness_delay_ms, { lateness_jump_ms, reading, decoding })
}
