import { quoteText } from '@assay/engine'
import type { Rule, RuleSet } from './rule-set.js'

/**
 * A rule that can't be computed for a row, such as by a cast of its text, is not held by it: S1 leaves no third way.
 */
function isBroken({ predicate }: Rule): string {
  return `TRY(${predicate}) IS NOT TRUE`
}

/** SQL for the reason of a row: the first broken rule in order, NULL when all hold. */
export function reasonSql(set: RuleSet): string {
  const branches = set.rules.map((rule) => `WHEN ${isBroken(rule)} THEN ${quoteText(rule.reason)}`)
  return `CASE ${branches.join(' ')} END`
}

/** SQL for the type that belongs to the value of `reasonColumn`. */
export function typeSql(set: RuleSet, reasonColumn: string): string {
  const branches = set.rules.map((rule) => `WHEN ${quoteText(rule.reason)} THEN ${quoteText(rule.type)}`)
  return `CASE ${reasonColumn} ${branches.join(' ')} ELSE 'unknown_error' END`
}

/**
 * SQL for `error_detail`: every broken rule with its value. Rules of fields say nothing of a record whose
 * frame is broken, so for those only the frame's own rule is named.
 */
export function detailSql(set: RuleSet): string {
  const parts = set.rules.map((rule) => {
    const broken = isBroken(rule)
    const applies = rule.predicate.startsWith('frame_status') ? broken : `frame_status = 0 AND ${broken}`
    const value = `coalesce(TRY((${rule.value})::VARCHAR), 'missing')`
    return `CASE WHEN ${applies} THEN ${quoteText(`${rule.reason}: `)} || ${value} END`
  })
  return `array_to_string(list_filter([${parts.join(', ')}], x -> x IS NOT NULL), '; ')`
}
