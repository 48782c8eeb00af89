import type { RowColumns } from '@assay/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openSession } from '../../../tests/support/open-session.js'
import { applyRules, reasonOf, typesOfVerdicts } from '../src/apply-rules.js'
import { predicateLoop } from '../src/loops/predicates.js'
import { valueReader } from '../src/loops/values.js'
import { defineRuleSet, type Rule, type RuleSet } from '../src/rule-set.js'
import { SILVER_RULES } from '../src/silver-rules.js'
import { type JudgedRow, judgedColumns, TEXT_FORMS, type TextForm, VALID_ROW } from './judged-rows.js'

/** Columns that may be null in a valid row: texts of what was found are there only where something is wrong. */
const NULLABLE: ReadonlySet<string> = new Set([
  'schema_id',
  'value_bytes',
  'frame_detail',
  'missing_fields',
  'symbol_text',
  'side_text',
  'price_text',
  'quantity_text',
  'event_time_text',
])
const COLUMNS = Object.keys(VALID_ROW) as (keyof JudgedRow)[]
const NO_VALUES = Object.fromEntries(COLUMNS.map((name) => [name, null])) as unknown as JudgedRow

const session = await openSession()

interface Judgement {
  readonly reason: string | undefined
  readonly type: string | undefined
  readonly detail: string
}

async function judgedRows(
  rules: RuleSet,
  rows: readonly JudgedRow[],
  form: (name: string) => TextForm = () => 'spans',
  detailed: Uint32Array = Uint32Array.from(rows, (_, row) => row),
): Promise<Judgement[]> {
  const columns = judgedColumns(rows, form)
  const rawColumns = (): RowColumns => new Map()
  const { broken, detailsOf } = await applyRules(session, rules, { count: rows.length, columns, rawColumns })
  const types = typesOfVerdicts(rules)
  const texts = await detailsOf(detailed)
  const details = new Map(Array.from(detailed, (row, k) => [row, texts[k] as string]))
  return Array.from(broken, (verdict, row) => ({
    reason: verdict === 0 ? undefined : reasonOf(rules, verdict),
    type: types[verdict],
    detail: details.get(row) ?? '',
  }))
}

async function judged(row: Partial<JudgedRow>): Promise<Judgement> {
  const [found] = await judgedRows(SILVER_RULES, [{ ...VALID_ROW, ...row }])
  return found as Judgement
}

describe('the rules of silver', () => {
  it('S1: a row with all its columns in order breaks none', async () => {
    expect(await judged({})).toEqual({ reason: undefined, type: undefined, detail: '' })
  })

  it('S1: a NULL in any column that a rule looks at rejects the row with a reason, a type and a detail', async () => {
    for (const column of COLUMNS.filter((name) => !NULLABLE.has(name))) {
      // A price, quantity or time is null only together with a status that says why.
      const status = `${column.replace(/_us$/, '')}_status`
      const row = { [column]: null, ...(status in VALID_ROW && { [status]: 1 }) }
      const { reason, type, detail } = await judged(row)
      expect([column, typeof reason, typeof type, detail !== '']).toEqual([column, 'string', 'string', true])
    }
  })

  it('S1: all columns null at once is one reason, not an error', async () => {
    const { reason, type } = await judged(NO_VALUES)
    expect([typeof reason, typeof type]).toEqual(['string', 'string'])
  })

  it('S5: every reason has one type, and the detail of a broken frame names nothing but the frame', async () => {
    const types = new Map<string, string>()
    for (const { reason, type } of SILVER_RULES.rules) {
      expect(types.get(reason) ?? type).toBe(type)
      types.set(reason, type)
    }
    const { reason, detail } = await judged({ frame_status: 4, price: null, symbol: null })
    expect([reason, detail]).toEqual(['unknown_schema_id', 'unknown_schema_id: 1'])
  })

  it('S5: the first broken rule gives the reason, the detail lists all of them with their values', async () => {
    const { reason, detail } = await judged({ price: 0n, side: 'x', quantity: -(10n ** 10n) })
    expect(reason).toBe('price_must_be_positive')
    expect(detail).toBe(
      'price_must_be_positive: 0.0000000000; quantity_must_be_positive: -1.0000000000; invalid_side: x',
    )
  })

  it('S2: the version of a rule set comes from its content', () => {
    const { rules, lateness_delay_ms } = SILVER_RULES
    expect(defineRuleSet([...rules], lateness_delay_ms).version).toBe(SILVER_RULES.version)
    expect(defineRuleSet(rules.slice(1), lateness_delay_ms).version).not.toBe(SILVER_RULES.version)
    expect(defineRuleSet(rules, lateness_delay_ms + 1).version).not.toBe(SILVER_RULES.version)
  })

  it('all have loops: no rule of ours needs the engine', () => {
    const unknown = SILVER_RULES.rules.filter(
      ({ predicate, value }) => !predicateLoop(predicate) || !valueReader(value),
    )
    expect(unknown).toEqual([])
  })

  it('S1: loops say what SQL says of the same rules, whatever the values, in whichever form they are held', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyRow, { minLength: 1, maxLength: 30 }),
        anyForms,
        anyMix,
        async (rows, forms, mix) => {
          const form = (name: string): TextForm => forms[name] ?? 'spans'
          const loops = await judgedRows(SILVER_RULES, rows, form)
          expect(
            await judgedRows(
              disguised(() => 'both'),
              rows,
              form,
            ),
          ).toEqual(loops)
          // Rules that only the engine knows stand among those that loops know.
          expect(
            await judgedRows(
              disguised((i) => mix[i] ?? 'neither'),
              rows,
              form,
            ),
          ).toEqual(loops)
        },
      ),
      { numRuns: 12 },
    )
  })

  it('S1: loops say what SQL says of a row that is wrong in one thing alone, at and beside every limit', async () => {
    const valid = { ...VALID_ROW, event_time_us: KAFKA_US, kafka_us: KAFKA_US }
    const rows = [valid, ...ONE_THING.map((change) => ({ ...valid, ...change }))]
    // As silver asks: for some of the rows, in an order of its own.
    const some = Uint32Array.from(rows, (_, row) => rows.length - 1 - row).filter((row) => row % 3 !== 1)
    for (const form of TEXT_FORMS) {
      const loops = await judgedRows(SILVER_RULES, rows, () => form, some)
      const engine = disguised(() => 'both')
      expect(loops).toEqual(await judgedRows(engine, rows, () => form, some))
      const reasons = new Set(loops.map(({ reason }) => reason))
      expect([...SILVER_RULES.rules].filter(({ reason }) => !reasons.has(reason))).toEqual([])
    }
  })

  it('S1: a rule that cannot be computed for a row is broken by it alone', async () => {
    const rule = { predicate: "side::INTEGER IS NULL OR side = '1'", reason: 'odd', type: 'unknown_error' } as const
    const rules = defineRuleSet([{ ...rule, name: 'odd', value: "side || '!'", since: '1' }], 0)
    const rows = [null, '1', 'x'].map((side) => ({ ...VALID_ROW, side }))
    expect((await judgedRows(rules, rows)).map(({ reason, detail }) => [reason, detail])).toEqual([
      [undefined, ''],
      [undefined, ''],
      ['odd', 'odd: x!'],
    ])
  })
})

type Disguise = 'neither' | 'predicate' | 'value' | 'both'

/** The same rules with texts that no loop is known for. */
function disguised(of: (rule: number) => Disguise): RuleSet {
  const changed = SILVER_RULES.rules.map((rule, i): Rule => {
    const disguise = of(i)
    return {
      ...rule,
      ...((disguise === 'predicate' || disguise === 'both') && { predicate: `${rule.predicate} ` }),
      ...((disguise === 'value' || disguise === 'both') && { value: `${rule.value} ` }),
    }
  })
  return defineRuleSet(changed, SILVER_RULES.lateness_delay_ms)
}

const KAFKA_US = 1_767_225_600_000_000n
const EACH_STATUS = [0, 1, 2, 3, null]
/** Changes of a valid row, each in one thing, at and beside the limits of the rules. */
const ONE_THING: readonly Partial<JudgedRow>[] = [
  ...[0, 1, 2, 3, 4, 5, 6, null].flatMap((frame_status) => [{ frame_status }, { frame_status, frame_detail: 'why' }]),
  ...['', 'x', null].flatMap((text) => [{ missing_fields: text }, { event_type: text }, { asset_class: text }]),
  ...['', 'x', 'SELL', null].flatMap((side) => [{ side }, { side, side_text: 'y' }]),
  ...['', 'x', null].flatMap((trade_id) => [{ trade_id }, { trade_id, symbol: null, symbol_status: 2 }]),
  ...EACH_STATUS.flatMap((symbol_status) => ['', 'BTCUSDT', null].map((symbol) => ({ symbol_status, symbol }))),
  { currency: null },
  { currency: null, symbol: null },
  { message_id: null },
  ...(['price', 'quantity'] as const).flatMap((name) =>
    EACH_STATUS.flatMap((status) =>
      [0n, 1n, -1n, 2n ** 32n, 2n ** 64n, -(2n ** 64n), 10n ** 28n - 1n, null].map((value) => ({
        [name]: value,
        [`${name}_status`]: status,
        [`${name}_text`]: 'z',
      })),
    ),
  ),
  ...EACH_STATUS.map((event_time_status) => ({ event_time_status })),
  ...[5_000_000n, -31_536_000_000_000n, 0n].flatMap((apart) =>
    [-1n, 0n, 1n].map((more) => ({ event_time_us: KAFKA_US + apart + more })),
  ),
  { event_time_us: null },
  { kafka_us: null },
]

const statuses = fc.constantFrom(0, 0, 0, 1, 2, 3, null)
const texts = fc.constantFrom('', 'x', 'ünï"\u0000', '\ufeffy', null)
const LONG_MAX = 2n ** 63n - 1n
const times = fc.oneof(
  fc.constantFrom(0n, LONG_MAX, -LONG_MAX - 1n, LONG_MAX - 5_000_000n, 31_536_000_000_000n - LONG_MAX - 1n, null),
  fc.bigInt({ min: -(2n ** 63n), max: LONG_MAX }),
)
const decimals = fc.constantFrom(
  0n,
  1n,
  -1n,
  2n ** 32n,
  2n ** 64n,
  -(2n ** 64n),
  10n ** 28n - 1n,
  1n - 10n ** 28n,
  null,
)
const nullable = <Value>(value: Value): fc.Arbitrary<Value | null> => fc.option(fc.constant(value), { freq: 6 })

/** Two times that lie about as far apart as the rules allow, or anywhere. */
const timePairs: fc.Arbitrary<Pick<JudgedRow, 'event_time_us' | 'kafka_us'>> = fc
  .tuple(times, times, fc.constantFrom(undefined, 5_000_000n, -31_536_000_000_000n), fc.constantFrom(-1n, 0n, 1n))
  .map(([event_time_us, kafka_us, apart, more]) => {
    // What overflows beside a missing time is decided one way or the other by the engine, as the rows beside it are.
    if (event_time_us === null || kafka_us === null) return { event_time_us, kafka_us: kafka_us && kafka_us / 2n }
    if (apart === undefined) return { event_time_us, kafka_us }
    return { event_time_us: BigInt.asIntN(64, kafka_us + apart + more), kafka_us }
  })

const anyRow: fc.Arbitrary<JudgedRow> = fc
  .tuple(
    fc.record({
      frame_status: fc.constantFrom(0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, null),
      schema_id: nullable(1),
      value_bytes: nullable(60),
      frame_detail: texts,
      missing_fields: fc.constantFrom(null, null, '', 'price, side'),
      event_type: fc.constantFrom('trade', 'trade', 'trade', 'aggTrade', '', null),
      symbol: fc.constantFrom('BTCUSDT', '', null),
      symbol_status: statuses,
      symbol_text: texts,
      currency: nullable('USDT'),
      price: decimals,
      price_status: statuses,
      price_text: texts,
      quantity: decimals,
      quantity_status: statuses,
      quantity_text: texts,
      event_time_status: statuses,
      event_time_text: texts,
      side: fc.constantFrom('BUY', 'SELL', 'buy', '', null),
      side_text: texts,
      trade_id: fc.constantFrom('T-1', '', null),
      message_id: nullable(7n),
      asset_class: fc.constantFrom('crypto', 'crypto', 'fx', null),
    }),
    timePairs,
  )
  .map(([row, pair]) => ({ ...row, ...pair }))

const anyForms = fc.dictionary(fc.constantFrom(...COLUMNS), fc.constantFrom(...TEXT_FORMS))
const anyMix = fc.array(fc.constantFrom<Disguise>('neither', 'predicate', 'value', 'both'), {
  minLength: SILVER_RULES.rules.length,
  maxLength: SILVER_RULES.rules.length,
})
