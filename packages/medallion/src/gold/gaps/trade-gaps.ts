import type { RowColumn, RowColumns } from '@assay/core'
import {
  type Decisions,
  type IdGap,
  IntervalSet,
  idGapChanges,
  type KeySet,
  symbolKeyParts,
} from '@assay/deduplication'
import type { DataFile } from '@assay/iceberg'
import { type StageContext, timestampColumn } from '@assay/pipeline'
import type { GapSide, GapTimes } from './gap-times.js'
import { sideName } from './gap-times.js'
import { TRADE_GAPS_TABLE } from './trade-gaps-table.js'

/** A change in the gaps of a symbol key, given by its number in the batch. */
interface GapChange extends IdGap {
  readonly symbol: number
  readonly change: 'opened' | 'closed'
}

/** What the batch's new trades change in the gaps of their symbols, in the order in which it is written. */
export function gapChanges(keys: KeySet, { staged, symbolKeys }: Decisions): GapChange[] {
  const changes: GapChange[] = []
  const numbers = new Map(symbolKeys.map((name, number) => [name, number]))
  const names = [...staged.symbols.keys()].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  for (const name of names) {
    const runs = staged.symbol(name).runs()
    const { opened, closed } = idGapChanges(keys.symbols.get(name)?.intervals ?? new IntervalSet(), runs)
    const symbol = numbers.get(name) as number
    const ofSymbol: GapChange[] = [
      ...closed.map((gap) => ({ symbol, change: 'closed' as const, ...gap })),
      ...opened.map((gap) => ({ symbol, change: 'opened' as const, ...gap })),
    ]
    // Of one range, what is closed comes before what is opened: the sort keeps their order.
    for (const change of ofSymbol.sort((a, b) => a.from - b.from)) changes.push(change)
  }
  return changes
}

/** The trades on both sides of the opened gaps. */
export function sidesOf(changes: readonly GapChange[]): GapSide[] {
  return changes.flatMap(({ symbol, change, from, to }) =>
    change === 'opened'
      ? [
          { symbol, id: from - 1 },
          { symbol, id: to },
        ]
      : [],
  )
}

export async function writeTradeGaps(
  context: StageContext,
  changes: readonly GapChange[],
  symbolKeys: readonly string[],
  times: GapTimes,
): Promise<DataFile[]> {
  if (changes.length === 0) return []
  const columns = columnsOf(changes, symbolKeys, times, timestampColumn(context.clock.now_ms()))
  const rows = Uint32Array.from(changes.keys())
  const file = await context.write(TRADE_GAPS_TABLE, [{ columns, rows }], {})
  return file ? [file] : []
}

function columnsOf(
  changes: readonly GapChange[],
  symbolKeys: readonly string[],
  times: GapTimes,
  now: RowColumn,
): RowColumns {
  const parts = symbolKeys.map(symbolKeyParts)
  const codes = Int32Array.from(changes, ({ symbol }) => symbol)
  const texts = (dictionary: readonly string[]): RowColumn => ({ type: 'DICTIONARY', codes, dictionary })
  const time = (id: (gap: IdGap) => number): RowColumn => {
    const found = changes.map((change) =>
      change.change === 'opened' ? times.get(sideName({ symbol: change.symbol, id: id(change) })) : undefined,
    )
    return {
      type: 'TIMESTAMPTZ',
      data: BigInt64Array.from(found, (us) => us ?? 0n),
      nulls: Uint8Array.from(found, (us) => (us === undefined ? 1 : 0)),
    }
  }
  return new Map<string, RowColumn>([
    ['exchange', texts(parts.map(({ exchange }) => exchange))],
    ['symbol', texts(parts.map(({ symbol }) => symbol))],
    ['from_id', { type: 'BIGINT', data: BigInt64Array.from(changes, ({ from }) => BigInt(from)) }],
    ['to_id', { type: 'BIGINT', data: BigInt64Array.from(changes, ({ to }) => BigInt(to)) }],
    [
      'change',
      {
        type: 'DICTIONARY',
        codes: Int32Array.from(changes, ({ change }) => (change === 'opened' ? 0 : 1)),
        dictionary: ['opened', 'closed'],
      },
    ],
    ['after_time', time(({ from }) => from - 1)],
    ['before_time', time(({ to }) => to)],
    ['found_at', now],
  ])
}
