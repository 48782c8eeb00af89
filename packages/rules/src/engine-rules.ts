import { type RowColumns, rowBytes } from '@assay/core'
import { columnOf, loadableRows, type Session } from '@assay/engine'
import type { Rule } from './rule-set.js'

/** SQL that is TRUE of a row that breaks the rule. One that can't be computed for a row is not held by it: S1 leaves no third way. */
function isBrokenSql({ predicate }: Pick<Rule, 'predicate'>): string {
  return `TRY(${predicate}) IS NOT TRUE`
}

/** SQL of the text that a rule's value has in `error_detail`. */
function valueSql({ value }: Pick<Rule, 'value'>): string {
  return `coalesce(TRY((${value})::VARCHAR), 'missing')`
}

/** Rules of operators, which only the engine can evaluate, over rows that are brought into it for them. */
export class EngineRules {
  readonly #session: Session
  readonly #source: string

  private constructor(session: Session, source: string) {
    this.#session = session
    this.#source = source
  }

  /** Brings those of the columns into the engine that the rules name. */
  static async load(
    session: Session,
    rules: readonly Rule[],
    columns: RowColumns,
    count: number,
  ): Promise<EngineRules> {
    const texts = rules.map(({ predicate, value }) => `${predicate} ${value}`.toLowerCase()).join(' ')
    const named = [...columns].filter(([name]) => texts.includes(name))
    const rowNumbers = Int32Array.from({ length: count }, (_, row) => row)
    const loadable = loadableRows(new Map([['rn', { type: 'INTEGER', data: rowNumbers }], ...named]), count)
    const { name } = await session.load('silver_rule_rows', loadable.columns, count)
    return new EngineRules(session, `(${loadable.select(name)})`)
  }

  /** For each of the rules, 1 for each row that breaks it. */
  async broken(rules: readonly Rule[], count: number): Promise<readonly Uint8Array[]> {
    const found = rules.map(() => new Uint8Array(count))
    const flags = rules.map((rule, i) => `${isBrokenSql(rule)} AS b${i}`)
    const any = rules.map((_, i) => `b${i}`).join(' OR ')
    const sql = `SELECT * FROM (SELECT rn, ${flags.join(', ')} FROM ${this.#source}) WHERE ${any}`
    for await (const chunk of this.#session.read(sql)) {
      const rows = columnOf(chunk, 'rn', 'INTEGER').data
      for (const [i, ofRule] of found.entries()) {
        const { data } = columnOf(chunk, `b${i}`, 'BOOLEAN')
        for (let k = 0; k < chunk.count; k++) ofRule[rows[k] as number] = data[k] as number
      }
    }
    return found
  }

  /** For each of the rules, the text of its value by row, for rows that break it. */
  async values(rules: readonly Rule[]): Promise<readonly ReadonlyMap<number, string>[]> {
    const found = rules.map(() => new Map<number, string>())
    if (rules.length === 0) return found
    const texts = rules.map((rule, i) => `CASE WHEN ${isBrokenSql(rule)} THEN ${valueSql(rule)} END AS v${i}`)
    const any = rules.map((_, i) => `v${i} IS NOT NULL`).join(' OR ')
    const sql = `SELECT * FROM (SELECT rn, ${texts.join(', ')} FROM ${this.#source}) WHERE ${any}`
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
    for await (const chunk of this.#session.read(sql)) {
      const rows = columnOf(chunk, 'rn', 'INTEGER').data
      for (const [i, ofRule] of found.entries()) {
        const column = columnOf(chunk, `v${i}`, 'VARCHAR')
        for (let k = 0; k < chunk.count; k++) {
          const bytes = rowBytes(column, k)
          if (bytes) ofRule.set(rows[k] as number, decoder.decode(bytes))
        }
      }
    }
    return found
  }
}
