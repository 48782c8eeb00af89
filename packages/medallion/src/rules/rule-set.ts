import { createHash } from 'node:crypto'

/**
 * One condition that a trade must meet. `predicate` is DuckDB SQL over the mapped columns; a row breaks
 * the rule unless it is TRUE, so that a NULL can never slip through.
 */
export interface Rule {
  readonly name: string
  readonly predicate: string
  /** `error_reason` of a row that breaks it. */
  readonly reason: string
  /** `error_type` of a row that breaks it. */
  readonly type: ErrorType
  /** SQL text of the offending value, for `error_detail`. */
  readonly value: string
  /** Version of Assay that introduced it. */
  readonly since: string
}

export type ErrorType =
  | 'asset_class_validation'
  | 'message_id_validation'
  | 'price_validation'
  | 'quantity_validation'
  | 'side_validation'
  | 'symbol_validation'
  | 'timestamp_validation'
  | 'unknown_error'

export interface RuleSet {
  /** Derived from the content: two sets with the same rules have the same version. */
  readonly version: string
  /** In order: the first that fails gives the reason. */
  readonly rules: readonly Rule[]
  /** A row further than this behind the greatest event time seen earlier in its lane is late. */
  readonly lateness_delay_ms: number
}

export function defineRuleSet(rules: readonly Rule[], lateness_delay_ms: number): RuleSet {
  const digest = createHash('sha256').update(JSON.stringify({ rules, lateness_delay_ms })).digest('hex')
  return { version: `rules-${digest.slice(0, 12)}`, rules, lateness_delay_ms }
}

/** The rule set as the `rule_sets` ledger keeps it. */
export function ruleSetJson(set: RuleSet): string {
  return JSON.stringify({ rules: set.rules, lateness_delay_ms: set.lateness_delay_ms })
}
