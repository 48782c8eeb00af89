import { START } from '@assay/core'
import { planFiles } from '@assay/iceberg'
import type { Layer, LayerWorker } from '@assay/medallion'
import { replayLane } from '@assay/pipeline'
import type { Lake } from '../lake.js'
import { ofTable, pinExisting } from '../loaded-tables.js'
import { filesSince, nullsOf } from './rows-since.js'
import type { TableState, TableStates } from './table-states.js'

const HOUR_MS = 3_600_000

interface Rate {
  readonly judged: number
  /** Dead letters, the archived ones included; those that were purged from the archive are forgotten. */
  readonly rejected: number
  /** Rejected part of the judged rows, 0 … 1; null before any row was judged. */
  readonly rate: number | null
}

/** What became of records when they were judged first, whether they were replayed later or not. */
export interface DeadLetterRate extends Rate {
  readonly exchange: string
  /** The same of the last hour, by the files' own counts and bounds: where one spans the hour's beginning, its rows count in part. */
  readonly last_hour: Rate
}

/** Dead letters by the table that they came from. */
interface RejectedCounts {
  readonly all: ReadonlyMap<string, number>
  readonly recent: ReadonlyMap<string, number>
}

/**
 * The tables of dead letters are partitioned by the table that their rows came from, so manifests suffice. Undefined
 * when one of them can't be used.
 */
export async function rejectedBySource(
  lake: Lake,
  { deadLetters, judgedAt }: Pick<Layer, 'deadLetters' | 'judgedAt'>,
  states: TableStates,
): Promise<RejectedCounts | undefined> {
  const all = new Map<string, number>()
  const recent = new Map<string, number>()
  const add = (counts: Map<string, number>, source: unknown, rows: number): void => {
    counts.set(String(source), (counts.get(String(source)) ?? 0) + rows)
  }
  for (const definition of deadLetters) {
    const counted = await ofTable(definition, async () => {
      const existing = await pinExisting(lake, definition)
      if (!existing) return
      const { table, pinned } = existing
      for (const planned of await planFiles(table.table, pinned.version)) {
        add(all, table.partitionOf(pinned.version, planned)?.bronze_source, planned.file.recordCount)
      }
      if (!judgedAt) return
      for (const { file, partition, part } of await filesSince(existing, judgedAt.deadLetters, recentSince_ms(lake))) {
        add(recent, partition.bronze_source, file.recordCount * part)
      }
    })
    if ('value' in counted) continue
    states.unusable.set(definition.name, counted.problem)
    return undefined
  }
  return { all, recent }
}

function recentSince_ms({ clock }: Lake): number {
  return clock.now_ms() - HOUR_MS
}

/** Of what a worker refused of its upstream tables. A replayed row was counted when its dead letter was written. */
export async function rateOf(
  lake: Lake,
  { main, exchange, upstreams }: LayerWorker,
  { judgedAt }: Pick<Layer, 'judgedAt'>,
  state: TableState,
  { all, recent }: RejectedCounts,
): Promise<DeadLetterRate> {
  const ofUpstreams = (counts: ReadonlyMap<string, number>): number =>
    upstreams.reduce((sum, { definition }) => sum + (counts.get(definition.name) ?? 0), 0)
  const replayed = state.checkpoint.lanes.get(replayLane(main))?.position ?? START
  const { existing } = state
  let valid = 0
  if (existing && judgedAt) {
    for (const { file, part } of await filesSince(existing, judgedAt.main, recentSince_ms(lake)))
      valid += nullsOf(existing, file, main.coordinates?.replay?.id ?? '') * part
  }
  return {
    exchange: exchange?.name ?? 'all',
    ...rate(state.rows - Number(replayed), ofUpstreams(all)),
    last_hour: rate(Math.round(valid), Math.round(ofUpstreams(recent))),
  }
}

function rate(valid: number, rejected: number): Rate {
  const judged = valid + rejected
  return { judged, rejected, rate: judged === 0 ? null : rejected / judged }
}
