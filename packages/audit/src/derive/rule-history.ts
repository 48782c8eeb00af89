import { AssayError, type LaneKey, laneKey, type Position, position } from '@assay/core'
import { quoteText, type Session } from '@assay/engine'
import type { Exchange } from '@assay/exchanges'
import { checkRules, silverTable } from '@assay/medallion'
import type { Checkpoint } from '@assay/pipeline'
import { parseRuleSet, type RuleSet, SILVER_RULES } from '@assay/rules'
import { findingOf } from '../check.js'

/** From which offset on a rule set judged a lane. */
interface RuleSpan {
  readonly from: bigint
  readonly version: string
}

/** What the `rule_sets` ledger says of one silver table. */
export interface RuleHistory {
  /** Entries of each lane, by ascending offset. */
  readonly spans: ReadonlyMap<LaneKey, readonly RuleSpan[]>
  readonly sets: ReadonlyMap<string, RuleSet>
  /** The version for lanes and offsets of which the ledger says nothing. */
  readonly otherwise: RuleSet
  /** Contradictions in the ledger, as texts for people. */
  readonly mistakes: readonly string[]
}

/** A stretch of some lanes that one rule set judged. */
interface RuleRound {
  readonly rules: RuleSet
  /** Position at which the stretch ends in each of the lanes. */
  readonly ends: ReadonlyMap<LaneKey, Position>
}

/** Lanes times changes of rules; a ledger beyond that is not one that Assay wrote. */
const SPANS_MAX = 1_000_000

/** Reads the ledger (SQL of its rows) for an exchange's silver table. */
export async function readRuleHistory(session: Session, ledger: string, exchange: Exchange): Promise<RuleHistory> {
  const own = `FROM (${ledger}) WHERE table_name = ${quoteText(silverTable(exchange.name).name)}`
  const sets = new Map([[SILVER_RULES.version, SILVER_RULES]])
  const mistakes: string[] = []
  for (const { rule_version, rules } of await session.rows(`SELECT DISTINCT rule_version, rules ${own}`)) {
    const set = await readRuleSet(session, String(rules), exchange)
    if (typeof set === 'string') mistakes.push(`the rules noted as ${rule_version}: ${set}`)
    else if (set.version === rule_version) sets.set(set.version, set)
    else mistakes.push(`the rules noted as ${rule_version} are not those of that version`)
  }
  const spans = new Map<LaneKey, RuleSpan[]>()
  const rows = await session.rows(
    `SELECT DISTINCT topic, "partition", from_offset, rule_version ${own} ORDER BY from_offset`,
    SPANS_MAX,
  )
  for (const { topic, partition, from_offset, rule_version } of rows) {
    const key = laneKey({ topic: String(topic), partition: Number(partition) })
    const ofLane = spans.get(key) ?? []
    spans.set(key, ofLane)
    const before = ofLane.at(-1)
    if (before?.from === from_offset) mistakes.push(`${key} has two rule sets from ${from_offset} on`)
    ofLane.push({ from: from_offset as bigint, version: String(rule_version) })
  }
  return { spans, sets, otherwise: SILVER_RULES, mistakes }
}

/** A rule set that is fit to judge the exchange's trades by, or why it isn't: SQL in a ledger is SQL from outside. */
async function readRuleSet(session: Session, json: string, exchange: Exchange): Promise<RuleSet | string> {
  try {
    const set = parseRuleSet(json)
    if (set.version !== SILVER_RULES.version) await checkRules(session, set, [exchange])
    return set
  } catch (error) {
    if (!(error instanceof AssayError) || error.code !== 'bad_rule_file') throw error
    return findingOf(error)
  }
}

/** The version in force at an offset, as the ledger says. */
function versionAt({ spans }: RuleHistory, key: LaneKey, offset: bigint): string | undefined {
  return spans.get(key)?.findLast(({ from }) => from <= offset)?.version
}

/**
 * The next stretch to judge: the lanes of `ends` that `own` has not brought to their end and that stand in the same
 * rule set, each up to where its rule set changes.
 */
export function nextRound(
  history: RuleHistory,
  own: Checkpoint,
  ends: ReadonlyMap<LaneKey, Position>,
): RuleRound | undefined {
  let rules: RuleSet | undefined
  const chosen = new Map<LaneKey, Position>()
  for (const [key, end] of ends) {
    const at = own.lanes.get(key)?.position ?? 0n
    if (at >= end) continue
    const version = versionAt(history, key, at)
    const set = (version === undefined ? undefined : history.sets.get(version)) ?? history.otherwise
    rules ??= set
    if (set.version !== rules.version) continue
    const change = history.spans.get(key)?.find(({ from }) => from > at)?.from
    chosen.set(key, change !== undefined && change < end ? position(change) : end)
  }
  return rules && { rules, ends: chosen }
}

/** A history in which one rule set judged everything. */
export function onlyRules(set: RuleSet): RuleHistory {
  return { spans: new Map(), sets: new Map(), otherwise: set, mistakes: [] }
}
