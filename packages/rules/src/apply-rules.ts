import type { RowColumns } from '@assay/core'
import type { Session } from '@assay/engine'
import { EngineRules } from './engine-rules.js'
import { fixedColumn } from './loops/cells.js'
import { predicateLoop, type RowList } from './loops/predicates.js'
import { valueReader } from './loops/values.js'
import type { ErrorType, Rule, RuleSet } from './rule-set.js'

/** What rules say of rows. */
export interface Verdicts {
  readonly rules: RuleSet
  /** For each row the number of the first rule that it breaks, counted from 1; 0 for a row that breaks none. */
  readonly broken: Uint16Array
  /**
   * Texts for `error_detail` of rows that break a rule: every broken rule with its value. To be asked before other rows
   * are judged in the same session.
   */
  detailsOf(rows: Uint32Array): Promise<readonly string[]>
}

/** Rows as rules see them. */
interface RuleRows {
  readonly count: number
  readonly columns: RowColumns
  /** Columns that only rules of operators may name. */
  readonly rawColumns: () => RowColumns
}

/**
 * Applies the rules. A text that Assay knows is a loop over the columns; any other is evaluated by the engine, over
 * those columns alone that it names.
 */
export async function applyRules(session: Session, rules: RuleSet, rows: RuleRows): Promise<Verdicts> {
  const { count, columns } = rows
  const foreign = rules.rules.filter((rule) => !predicateLoop(rule.predicate) || !valueReader(rule.value))
  const unknown = foreign.filter(({ predicate }) => !predicateLoop(predicate))
  const all = (): RowColumns => new Map([...columns, ...rows.rawColumns()])
  const engine = foreign.length > 0 ? await EngineRules.load(session, foreign, all(), count) : undefined
  const found = engine && unknown.length > 0 ? await engine.broken(unknown, count) : []
  const brokenBy = new Map(unknown.map((rule, i) => [rule, found[i] as Uint8Array]))
  const everyRow = new Uint32Array(count)
  for (let row = 0; row < count; row++) everyRow[row] = row
  const broken = new Uint16Array(count)
  // From the last to the first, so that the first one that is broken stays.
  for (let i = rules.rules.length - 1; i >= 0; i--) {
    markBroken(rules.rules[i] as Rule, brokenBy, columns, { rows: everyRow, isEvery: true }, { broken, mark: i + 1 })
  }
  return { rules, broken, detailsOf: (wanted) => detailsOf({ rules, columns, brokenBy, engine }, wanted) }
}

/** For each of the unknown rules, 1 for each row that breaks it. */
type BrokenBy = ReadonlyMap<Rule, Uint8Array>

function markBroken(
  rule: Rule,
  brokenBy: BrokenBy,
  columns: RowColumns,
  list: RowList,
  { broken, mark }: { readonly broken: Uint16Array; readonly mark: number },
): void {
  const loop = predicateLoop(rule.predicate)
  if (loop) {
    loop(columns, list, broken, mark)
    return
  }
  const { rows } = list
  const flags = brokenBy.get(rule) as Uint8Array
  for (let k = 0; k < rows.length; k++) if (flags[rows[k] as number] === 1) broken[k] = mark
}

interface Judged {
  readonly rules: RuleSet
  readonly columns: RowColumns
  readonly brokenBy: BrokenBy
  readonly engine: EngineRules | undefined
}

/**
 * Rules of fields say nothing of a record whose frame is broken, so for those only the frame's own rules are named.
 */
async function detailsOf({ rules, columns, brokenBy, engine }: Judged, rows: Uint32Array): Promise<readonly string[]> {
  const details = new Array<string>(rows.length).fill('')
  const foreign = rows.length === 0 ? [] : rules.rules.filter(({ value }) => !valueReader(value))
  const values = engine ? await engine.values(foreign) : []
  const frames = fixedColumn(columns, 'frame_status', 'UTINYINT').data
  for (const rule of rules.rules) {
    const broken = new Uint16Array(rows.length)
    markBroken(rule, brokenBy, columns, { rows, isEvery: false }, { broken, mark: 1 })
    const isOfFrame = rule.predicate.startsWith('frame_status')
    const read = valueReader(rule.value)
    const engineValues = values[foreign.indexOf(rule)]
    for (let k = 0; k < rows.length; k++) {
      const row = rows[k] as number
      if (broken[k] !== 1 || !(isOfFrame || frames[row] === 0)) continue
      const value = read ? read(columns, row) : engineValues?.get(row)
      const before = details[k] as string
      details[k] = `${before}${before === '' ? '' : '; '}${rule.reason}: ${value ?? 'missing'}`
    }
  }
  return details
}

/** The reason of a row with such a verdict, which is not 0. */
export function reasonOf({ rules }: RuleSet, verdict: number): string {
  return (rules[verdict - 1] as Rule).reason
}

/** For each verdict, its type; a reason has one type, whichever rule names it. */
export function typesOfVerdicts({ rules }: RuleSet): readonly (ErrorType | undefined)[] {
  const types = rules.map(({ reason }) => rules.find((rule) => rule.reason === reason)?.type)
  return [undefined, ...types]
}
