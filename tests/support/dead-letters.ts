import type { ReplayRequest } from '@assay/operations'
import { defineRuleSet, type RuleSet, SILVER_RULES } from '@assay/rules'
import { drain } from './drain.js'
import { binance, type MemoryLake, memoryLake } from './memory-lake.js'
import { type BinanceTrade, binanceRecord, produce, registerSchema } from './records.js'

/** The rules with one wrong among them: no price is above 100. */
export const WRONG_RULES: RuleSet = defineRuleSet(
  [
    ...SILVER_RULES.rules,
    {
      name: 'price_plausible',
      predicate: 'price <= 100',
      reason: 'price_implausible',
      type: 'price_validation',
      value: 'price::VARCHAR',
      since: '0.2.0',
    },
  ],
  SILVER_RULES.lateness_delay_ms,
)

/** All open dead letters of the queue into Binance's silver table. */
export const REPLAY: ReplayRequest = {
  sourceTable: 'silver_dlq_trades',
  targetTable: 'silver_binance_trades',
  filter: {},
  dryRun: false,
}

/** Signal of what nobody stops. */
export const NEVER = new AbortController().signal

export async function produceBinance(lake: MemoryLake, trades: readonly BinanceTrade[]): Promise<void> {
  const id = await registerSchema(lake, binance)
  await produce(
    lake,
    binance,
    trades.map((trade) => binanceRecord(binance, id, trade)),
  )
}

/** A lake whose trades were judged by the wrong rules and went to gold. */
export async function misjudgedLake(trades: readonly BinanceTrade[]): Promise<MemoryLake> {
  const lake = memoryLake()
  await produceBinance(lake, trades)
  await drain(lake, { rules: WRONG_RULES })
  return lake
}

/** As many trades, each `every`th of which the wrong rules reject. */
export function tradesWithRejects(count: number, every: number): BinanceTrade[] {
  return Array.from({ length: count }, (_, i) => ({ trade_id: i + 1, price: i % every === 0 ? '500' : '50' }))
}
