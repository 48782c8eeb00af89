import { badCheckpoint, type Checkpoint, type StateMembers } from '@assay/pipeline'
import { z } from 'zod'

/** What the table of candles keeps beside its lanes, by exchange as its rows name it (`BINANCE`). */
export interface CandleState {
  /** Up to where windows are closed, µs since 1970. */
  readonly watermarks: ReadonlyMap<string, bigint>
  /** When the last trade was taken, ms since 1970. */
  readonly taken_ms: ReadonlyMap<string, number>
  /** How often candles were reconciled with gold: a worker that has decided on what was before is refused. */
  readonly generation: number
}

const members = z.object({
  watermarks: z.record(z.string(), z.string().regex(/^-?\d{1,19}$/)).optional(),
  taken_ms: z.record(z.string(), z.number()).optional(),
  generation: z.int().min(0).optional(),
})

/** Reads the state; throws `bad_checkpoint` when it isn't one. */
export function readCandleState({ state }: Pick<Checkpoint, 'state'>): CandleState {
  const { success, data, error } = members.safeParse(state ?? {})
  if (!success) throw badCheckpoint("the candles' state", error)
  return {
    watermarks: new Map(Object.entries(data.watermarks ?? {}).map(([exchange, text]) => [exchange, BigInt(text)])),
    taken_ms: new Map(Object.entries(data.taken_ms ?? {})),
    generation: data.generation ?? 0,
  }
}

/** The members that a checkpoint holds it in. */
export function candleState({ watermarks, taken_ms, generation }: CandleState): StateMembers {
  return {
    watermarks: Object.fromEntries([...watermarks].sort().map(([exchange, us]) => [exchange, us.toString()])),
    taken_ms: Object.fromEntries([...taken_ms].sort()),
    ...(generation > 0 && { generation }),
  }
}
