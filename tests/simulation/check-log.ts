import { type LaneKey, laneKey, parseLaneKey } from '@assay/core'
import type { Lake } from '@assay/lake'
import { bronzeTable } from '@assay/medallion'
import type { Tables } from '../support/tables.js'
import type { RecordedLog } from './recorded-log.js'
import type { StorageLog } from './storage-log.js'

/**
 * What must hold of bronze whatever became of the log (B1–B3): each row is what its place held at some time; each
 * place below a lane's position that held a record at all times is a row, unless the ledger of gaps says that it was
 * lost. `starts` says where the generations of a lane that an operator began were told to begin.
 */
export async function checkAgainstHistory(
  lake: Lake,
  tables: Tables,
  log: RecordedLog,
  starts: ReadonlyMap<LaneKey, bigint>,
): Promise<string[]> {
  const wrong: string[] = []
  const gaps = await tables.rows(
    `SELECT topic || '/' || "partition" AS lane, from_offset, to_offset FROM gaps WHERE accepted_at IS NOT NULL`,
  )
  for (const exchange of lake.exchanges) {
    const definition = bronzeTable(exchange.name)
    const { checkpoint } = await (await lake.table(definition)).pin()
    const rows = await tables.rows(
      `SELECT topic || '/' || "partition" AS lane, "offset", raw_bytes FROM ${definition.name}`,
    )
    const present = new Set<string>()
    for (const { lane, offset, raw_bytes } of rows) {
      const { topic, partition } = parseLaneKey(String(lane))
      const id = checkpoint.topics[topic]?.topicId ?? ''
      const held = log.heldAt(id, partition, offset as bigint)
      const value = raw_bytes as Uint8Array | null
      // Who was killed as he wrote was told nothing, and may have written all the same.
      const isKept = held.length > 0 ? held.some((one) => sameBytes(one, value)) : log.wasAttempted(value)
      if (!isKept) wrong.push(`${lane} ${offset} is not what the log held there`)
      if (present.has(`${lane} ${offset}`)) wrong.push(`${lane} ${offset} is in bronze twice`)
      present.add(`${lane} ${offset}`)
    }
    for (const [lane, { position }] of checkpoint.lanes) {
      const { topic, partition } = parseLaneKey(lane)
      const id = checkpoint.topics[topic]?.topicId ?? ''
      for (const offset of log.offsetsOf(id, partition)) {
        if (offset < (starts.get(lane) ?? 0n) || offset >= position || present.has(`${lane} ${offset}`)) continue
        const isKnown = gaps.some(
          (gap) => gap.lane === lane && (gap.from_offset as bigint) <= offset && offset < (gap.to_offset as bigint),
        )
        if (!isKnown) wrong.push(`${lane} ${offset} is missing and in no gap`)
      }
    }
  }
  return wrong
}

/**
 * B5: what producers were told is written is in bronze, or an operator has accepted that it is lost; and nothing is
 * said to be lost of lanes that nothing happened to.
 */
export async function checkAcknowledged(lake: Lake, tables: Tables, log: StorageLog): Promise<string[]> {
  const wrong: string[] = []
  const gaps = await tables.rows(`SELECT DISTINCT topic || '/' || "partition" AS lane FROM gaps`)
  for (const { lane } of gaps) if (!log.mayHaveGap(String(lane))) wrong.push(`${lane} has lost nothing, and a gap`)
  for (const exchange of lake.exchanges) {
    const { checkpoint } = await (await lake.table(bronzeTable(exchange.name))).pin()
    for (const { lane, topicId } of await log.lanes(exchange.topic)) {
      const position = checkpoint.lanes.get(laneKey(lane))?.position ?? 0n
      for (const offset of log.offsetsOf(topicId, lane.partition)) {
        const times = log.heldAt(topicId, lane.partition, offset).length
        if (times > 1) wrong.push(`${laneKey(lane)} ${offset} was given out ${times} times`)
      }
      const unread = log.offsetsOf(topicId, lane.partition).filter((offset) => offset >= position)
      if (unread.length > 0) wrong.push(`${laneKey(lane)} ${unread[0]} was acknowledged and never read`)
    }
  }
  return wrong
}

function sameBytes(a: Uint8Array | null, b: Uint8Array | null): boolean {
  return a === null || b === null ? a === b : Buffer.from(a).equals(b)
}
