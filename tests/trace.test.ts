import { position, rowBytes } from '@assay/core'
import { bronzeTable, parseMessageId } from '@assay/medallion'
import { expect, it } from 'vitest'
import { drain } from './support/drain.js'
import { binance, kraken, memoryLake } from './support/memory-lake.js'
import { produceSimulated } from './support/records.js'
import { withTables } from './support/tables.js'

it('A5: every gold row leads by its message id to its silver row, its bronze row and its bytes in the log', async () => {
  const lake = memoryLake({ exchanges: [binance, kraken] })
  await produceSimulated(lake, binance, { count: 60, duplicates: 0.1, invalid: 0.1 }, 3)
  await produceSimulated(lake, kraken, { count: 30, seed: 2, duplicates: 0.1, invalid: 0.1 }, 2)
  await drain(lake, { limits: { maxRows: 40 } })
  const topics = new Map<number, string>()
  for (const { name } of lake.exchanges) {
    const { checkpoint } = await (await lake.table(bronzeTable(name))).pin()
    for (const [topic, { laneId }] of Object.entries(checkpoint.topics)) topics.set(laneId, topic)
  }
  expect(topics.size).toBe(2)
  await withTables(lake, async ({ rows }) => {
    const traced = await rows(`SELECT g.message_id, b.topic, b."partition", b."offset", b.raw_bytes
      FROM gold_crypto_trades g
      JOIN (SELECT message_id, topic, "partition", "offset" FROM silver_binance_trades
        UNION ALL SELECT message_id, topic, "partition", "offset" FROM silver_kraken_trades) s USING (message_id)
      JOIN (SELECT * FROM bronze_binance_trades UNION ALL SELECT * FROM bronze_kraken_trades) b
        ON b.topic = s.topic AND b."partition" = s."partition" AND b."offset" = s."offset"`)
    const [gold] = await rows('SELECT count(*)::INTEGER AS n FROM gold_crypto_trades')
    expect(traced).toHaveLength(gold?.n as number)
    for (const row of traced) {
      const coordinates = parseMessageId(String(row.message_id))
      if (!coordinates) throw new Error(`${row.message_id} is not a message id`)
      const lane = { topic: topics.get(coordinates.laneId) ?? '', partition: coordinates.partition }
      expect({ ...lane, offset: coordinates.offset }).toEqual({
        topic: row.topic,
        partition: row.partition,
        offset: row.offset,
      })
      const read = await lake.log.read(lane, position(coordinates.offset), { maxRecords: 1, maxBytes: 1 })
      const batch = read.kind === 'records' ? read.batches[0] : undefined
      const value = batch && rowBytes(batch.values, 0)
      expect(Buffer.from(value ?? []).equals(row.raw_bytes as Uint8Array)).toBe(true)
    }
  })
  await lake.close()
})
