import { readRules, testRulesOn } from '@assay/operations'
import { defineRuleSet, ruleSetJson, SILVER_RULES } from '@assay/rules'
import { describe, expect, it } from 'vitest'
import { misjudgedLake, NEVER, produceBinance, tradesWithRejects, WRONG_RULES } from './support/dead-letters.js'
import { drain } from './support/drain.js'
import { checkInvariants } from './support/invariants.js'
import { binance, kraken, memoryLake } from './support/memory-lake.js'
import { START_MS } from './support/records.js'
import { query } from './support/tables.js'

const DAY_MS = 86_400_000
const REST = { reason: 'r', type: 'price_validation', value: "'v'", since: '1' } as const

/** What is wrong with rules of these predicates. */
async function mistakesOf(...predicates: string[]): Promise<string> {
  const lake = memoryLake({ exchanges: [binance, kraken] })
  const rules = predicates.map((predicate, i) => ({ name: `r${i}`, predicate, ...REST }))
  try {
    await readRules(lake, JSON.stringify({ rules, lateness_delay_ms: 0 }))
    return ''
  } catch (error) {
    expect(error).toMatchObject({ code: 'bad_rule_file' })
    return (error as Error).message
  } finally {
    await lake.close()
  }
}

describe('a rule set from a file', () => {
  it('S2: is the same set as the one that the ledger keeps in that form', async () => {
    const lake = memoryLake({ exchanges: [binance, kraken] })
    expect(await readRules(lake, ruleSetJson(SILVER_RULES))).toEqual(SILVER_RULES)
    await lake.close()
  })

  it('S2 Q1: may hold expressions only, and of each that is none the rule and the place are named', async () => {
    const bad = [
      "price > 0 AND (SELECT count(*) FROM '/etc/passwd') > 0",
      'price > 0) IS NOT TRUE OR (price < 0',
      'price > 0 -- and the rest',
      'price > 0), (symbol',
      'now() > make_timestamptz(event_time_us)',
      'random() > 0.5',
      "current_setting('threads') = 1",
      "getenv('HOME') = ''",
      'price >',
      'count(*) > 1',
    ]
    const message = await mistakesOf(...bad, 'price > 1')
    for (const n of bad.keys()) expect(message).toContain(`rule r${n}, predicate: `)
    expect(message).not.toContain('rule r10')
  })

  it('S2: names columns that trades do not have, and what is missing in the file, all at once', async () => {
    expect(await mistakesOf('prise > 0', 'symbol <> 3 + price', 'quantiti > 0')).toMatch(/r0.*prise.*r2.*quantiti/s)
    const lake = memoryLake()
    const file = { rules: [{ name: 'a' }, { name: 'b', predicate: 'true', ...REST, type: 'nonsense' }] }
    await expect(readRules(lake, JSON.stringify(file))).rejects.toMatchObject({
      message: expect.stringMatching(/rule a, predicate.*rule b, type.*lateness_delay_ms/s),
    })
    await lake.close()
  })
})

describe('a rule that some rows make no sense of', () => {
  it('S1: rejects them, and the batch goes on', async () => {
    const lake = memoryLake()
    await produceBinance(
      lake,
      ['BTCUSDT', '1000SATSUSDT'].map((symbol, i) => ({ symbol, trade_id: i + 1 })),
    )
    const predicate = "left(symbol, 4)::INTEGER = 1000 AND symbol <> ''"
    const rule = { name: 'thousands', ...REST, predicate, value: 'symbol::INTEGER' }
    await drain(lake, { rules: defineRuleSet([...SILVER_RULES.rules, rule], 60_000) })
    await checkInvariants(lake)
    expect(await query(lake, 'SELECT symbol FROM silver_binance_trades')).toEqual([{ symbol: '1000SATSUSDT' }])
    expect(await query(lake, 'SELECT error_reason, error_detail FROM silver_dlq_trades')).toEqual([
      { error_reason: 'r', error_detail: 'r: missing' },
    ])
    await lake.close()
  })
})

describe('rules test', () => {
  it('A6: tells what another rule set would do to history, and does nothing', async () => {
    const trades = tradesWithRejects(30, 3).map((trade, i) => ({
      ...trade,
      time: START_MS + Math.floor(i / 15) * DAY_MS,
    }))
    const lake = await misjudgedLake(trades)
    const version = async () => (await (await lake.table(lake.definitions[0] as never)).pin()).sequence
    const before = await version()
    const mended = await testRulesOn(lake, SILVER_RULES, undefined, NEVER)
    expect(mended.binance).toMatchObject({
      records: 30,
      unchanged: 20,
      newly_accepted: 10,
      newly_rejected: 0,
      reasons: {},
    })
    expect(mended.binance?.accepted_samples[1]?.coordinate).toBe('market.crypto.trades.binance.raw/0/3')
    expect((await testRulesOn(lake, WRONG_RULES, undefined, NEVER)).binance).toMatchObject({
      records: 30,
      unchanged: 30,
    })
    const strict = {
      ...WRONG_RULES,
      rules: WRONG_RULES.rules.map((rule) =>
        rule.name === 'price_plausible' ? { ...rule, predicate: 'price > 100' } : rule,
      ),
    }
    const oneDay = await testRulesOn(lake, strict, { first: '2026-01-02', last: '2026-01-02' }, NEVER)
    expect(oneDay.binance).toMatchObject({
      records: 15,
      newly_accepted: 5,
      newly_rejected: 10,
      reasons: { price_implausible: 10 },
    })
    expect(oneDay.binance?.rejected_samples[0]?.detail).toContain('price_implausible: 50')
    expect(await version()).toBe(before)
    await lake.close()
  })
})
