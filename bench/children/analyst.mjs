// Asks gold and the lineage again and again until the parent says stop; counts what failed.
import { setTimeout as delay } from 'node:timers/promises'
import { AssayError } from '@assay/core'
import { openQuery } from '@assay/query'
import { childOptions, leaveParent, tellParent } from '../lib/child.mjs'
import { openBenchLake } from '../lib/lakes.mjs'
import { percentile } from '../lib/measure.mjs'

const STATEMENTS = [
  'SELECT count(*), count(DISTINCT (symbol, trade_id)), sum(price * quantity) FROM gold_crypto_trades',
  'SELECT symbol, max("timestamp"), arg_max(price, "timestamp") FROM gold_crypto_trades GROUP BY symbol',
  'SELECT count(*) FROM silver_binance_trades SEMI JOIN gold_crypto_trades USING (topic, partition, "offset")',
]
const PAUSE_MS = 500

const { directory } = childOptions()
const stop = new AbortController()
process.once('message', () => stop.abort())
const lake = await openBenchLake(directory)
const latencies_ms = []
const failures = []
while (!stop.signal.aborted) {
  for (const statement of STATEMENTS) {
    const before_ms = performance.now()
    try {
      const query = await openQuery(lake, { maxRows: 1000, timeout_ms: 60_000 })
      try {
        await query.run(statement)
      } finally {
        await query.close()
      }
      latencies_ms.push(performance.now() - before_ms)
    } catch (error) {
      failures.push(error instanceof AssayError ? `${error.code}: ${error.message}` : String(error))
    }
  }
  await delay(PAUSE_MS, undefined, { signal: stop.signal }).catch(() => undefined)
}
await lake.close()
await tellParent({
  queries: latencies_ms.length + failures.length,
  failed: failures.length,
  failures: failures.slice(0, 5),
  p50_ms: percentile(latencies_ms, 0.5),
  p99_ms: percentile(latencies_ms, 0.99),
})
leaveParent()
