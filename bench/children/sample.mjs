// A trade of gold, well within the table, to look others of its kind up by.
import { openQuery } from '@assay/query'
import { childOptions, leaveParent, tellParent } from '../lib/child.mjs'
import { openBenchLake } from '../lib/lakes.mjs'

const { directory } = childOptions()
const lake = await openBenchLake(directory)
const query = await openQuery(lake, { maxRows: 1, timeout_ms: 60_000 })
const result =
  await query.run(`SELECT trade_id, message_id::VARCHAR AS message_id, topic || '/' || "partition" || '/' || "offset" AS coordinates
  FROM gold_crypto_trades WHERE exchange = 'BINANCE' AND symbol = 'ETHUSDT' AND source_sequence = 1000 LIMIT 1`)
await query.close()
await lake.close()
const [[trade_id, message_id, coordinates] = []] = result.rows
await tellParent({ trade_id, message_id, coordinates })
leaveParent()
