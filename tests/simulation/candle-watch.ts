import { CANDLES_TABLE, readCandleState } from '@assay/candles'
import { GOLD_TABLE } from '@assay/medallion'
import { wrongCandles } from '../support/candle-invariants.js'
import type { MemoryLake } from '../support/memory-lake.js'
import { withTables } from '../support/tables.js'

const READ: ReadonlySet<string> = new Set([CANDLES_TABLE.name, GOLD_TABLE.name])
const VERSION = new RegExp(`/${CANDLES_TABLE.name}/metadata/v\\d+\\.metadata\\.json$`)

/** Looks at the candles after every commit of them: what they say holds at any time, not only in the end. */
export class CandleWatch {
  #isNew = false
  #watermarks: ReadonlyMap<string, bigint> = new Map()

  /** Told of every object as it is created. */
  created(key: string): void {
    if (VERSION.test(key)) this.#isNew = true
  }

  /** What is wrong with a commit since the last look. */
  async look(lake: MemoryLake): Promise<string[]> {
    if (!this.#isNew) return []
    this.#isNew = false
    const wrong = await withTables(
      lake,
      (tables) => wrongCandles(lake, tables),
      (name) => READ.has(name),
    )
    const { checkpoint } = await (await lake.table(CANDLES_TABLE)).pin()
    const { watermarks } = readCandleState(checkpoint)
    for (const [exchange, before] of this.#watermarks) {
      const after = watermarks.get(exchange)
      if (after === undefined || after < before) wrong.push(`the watermark of ${exchange} falls: ${before} to ${after}`)
    }
    this.#watermarks = watermarks
    return wrong
  }
}
