import { readJson, UsageError } from '@assay/core'
import { CURRENCY_NAME, PAIR_NAME } from '@assay/exchanges'
import { z } from 'zod'
import {
  defineRuleSet,
  ERROR_TYPES,
  FIRST_EXTRAS,
  PRESENT_EXTRAS,
  type RuleSet,
  type RuleSetExtras,
} from './rule-set.js'

const FILE_CHARACTERS_MAX = 2 ** 20
const RULES_MAX = 500
const NAMES_MAX = 20_000
const text = z.string().min(1).max(10_000)
const currency = z.string().regex(CURRENCY_NAME, 'must be letters and digits')
const name = z.string().regex(/^[a-z][a-z0-9_]{0,99}$/, 'must be in snake_case')

const fileSchema = z.strictObject({
  rules: z
    .array(
      z.strictObject({
        name,
        predicate: text,
        reason: name,
        type: z.enum(ERROR_TYPES),
        value: text,
        since: text,
      }),
    )
    .min(1)
    .max(RULES_MAX),
  lateness_delay_ms: z.int().min(0).max(86_400_000),
  lateness_jump_ms: z.int().min(0).max(86_400_000).optional(),
  reading: z
    .strictObject({
      method: z.literal('known_pairs'),
      quotes: z.array(currency).max(NAMES_MAX),
      bases: z.array(currency).max(NAMES_MAX),
      pairs: z.array(z.string().regex(PAIR_NAME, 'must be BASE/QUOTE')).max(NAMES_MAX),
    })
    .optional(),
  decoding: z.union([z.literal(1), z.literal(2)], 'this build knows the versions 1 and 2').optional(),
})

/**
 * A rule set as the `rule_sets` ledger keeps it; what it doesn't say is as it was before it was said. Throws
 * `bad_rule_file` with every mistake in its form; whether its SQL can judge trades, `checkRules` tells.
 */
export function parseRuleSet(json: string): RuleSet {
  return parse(json, FIRST_EXTRAS)
}

/** A rule set as people write it, in the same form; what it doesn't say is as it is today. Throws as `parseRuleSet`. */
export function parseRuleFile(json: string): RuleSet {
  return parse(json, PRESENT_EXTRAS)
}

function parse(json: string, unsaid: RuleSetExtras): RuleSet {
  if (json.length > FILE_CHARACTERS_MAX) throw badRuleFile([`it is longer than ${FILE_CHARACTERS_MAX} characters`])
  let raw: unknown
  try {
    raw = readJson(json)
  } catch (error) {
    throw badRuleFile([`it is not JSON: ${error instanceof Error ? error.message : String(error)}`])
  }
  const parsed = fileSchema.safeParse(raw)
  if (!parsed.success) {
    throw badRuleFile(parsed.error.issues.map(({ path, message }) => `${placeOf(raw, path)}: ${message}`))
  }
  const {
    rules,
    lateness_delay_ms,
    lateness_jump_ms = unsaid.lateness_jump_ms,
    reading = unsaid.reading,
    decoding = unsaid.decoding,
  } = parsed.data
  const twice = rules.filter((rule, i) => rules.findIndex((other) => other.name === rule.name) < i)
  if (twice.length > 0) throw badRuleFile(twice.map((rule) => `rule ${rule.name}: the name came before`))
  return defineRuleSet(rules, lateness_delay_ms, { lateness_jump_ms, reading, decoding })
}

export function badRuleFile(mistakes: readonly string[]): UsageError {
  return new UsageError('bad_rule_file', `the rule set can't be used:\n- ${mistakes.join('\n- ')}`, {
    hint: '"assay rules list --json" prints the rules in force in the form that is wanted',
  })
}

/** Names the rule that a path leads into, as far as it has a name. */
function placeOf(raw: unknown, path: readonly PropertyKey[]): string {
  const [list, index, ...rest] = path
  if (list !== 'rules' || typeof index !== 'number') return path.map(String).join('.') || 'the file'
  const rule = (raw as { rules?: { name?: unknown }[] }).rules?.[index]
  const known = typeof rule?.name === 'string' ? `rule ${rule.name}` : `rule ${index + 1}`
  return rest.length === 0 ? known : `${known}, ${rest.map(String).join('.')}`
}
