import type { Lake } from '@assay/lake'
import { pinExisting } from '@assay/lake'
import { bronzeTable, checkRules, type RuleTestReport, silverTable, testRules } from '@assay/medallion'
import { parseRuleFile, type RuleSet } from '@assay/rules'
import { withJobContext } from '../dead-letters/job-context.js'

/** The rule set of a file's text, fit to judge by. Throws `bad_rule_file` with every mistake. */
export async function readRules(lake: Lake, json: string): Promise<RuleSet> {
  const rules = parseRuleFile(json)
  await withJobContext(lake, undefined, ({ session }) => checkRules(session, rules, lake.exchanges))
  return rules
}

/** What the rules would make of each exchange's history; exchanges without one are left out. */
export async function testRulesOn(
  lake: Lake,
  rules: RuleSet,
  dates: { readonly first: string; readonly last: string } | undefined,
  signal: AbortSignal,
  onProgress: (exchange: string, records: number) => void = () => undefined,
): Promise<Readonly<Record<string, RuleTestReport>>> {
  const reports: Record<string, RuleTestReport> = {}
  for (const exchange of lake.exchanges) {
    const bronze = (await pinExisting(lake, bronzeTable(exchange.name)))?.table
    const silver = (await pinExisting(lake, silverTable(exchange.name)))?.table
    if (!bronze || !silver) continue
    reports[exchange.name] = await withJobContext(lake, undefined, (context) =>
      testRules(
        {
          ...{ context, exchange, registry: lake.registry, rules, bronze, silver, ...(dates && { dates }) },
          onProgress: (records) => onProgress(exchange.name, records),
        },
        signal,
      ),
    )
  }
  return reports
}
