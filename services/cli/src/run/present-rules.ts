import { readMarkets } from '@assay/lake'
import { extendRules, type RuleSet, SILVER_RULES } from '@assay/rules'
import type { Io } from './io.js'

/** The rules that are in force: those given, or Assay's own, with the currencies that the environment adds. */
export function presentRules({ env }: Pick<Io, 'env'>, rules: RuleSet = SILVER_RULES): RuleSet {
  return extendRules(rules, readMarkets(env))
}
