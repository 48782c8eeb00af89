import type { Layer } from '@assay/medallion'
import type { Lake } from '../lake.js'
import { lanesRead } from '../lanes-read.js'
import type { TableProblem } from '../loaded-tables.js'
import { type DeadLetterRate, rateOf, rejectedBySource } from './dead-letter-rates.js'
import { type LaneProgress, progressInLog, progressInTable } from './lane-progress.js'
import { type StoppedLane, stopsOf } from './stopped-lanes.js'
import { newTableStates, type TableStates } from './table-states.js'

export interface StatusReport {
  /** Lanes by exchange, then by layer, upstream first. */
  readonly lanes: readonly LaneProgress[]
  readonly stops: readonly StoppedLane[]
  readonly dead_letters: readonly DeadLetterRate[]
  /** Tables that nothing can be told of; lanes that they have a part in are left out. */
  readonly unusable: readonly TableProblem[]
}

/** Where every lane stands in every layer, from the log's ends and the tables' metadata. */
export async function statusReport(lake: Lake): Promise<StatusReport> {
  const states = newTableStates(lake)
  const mains = lake.layers.flatMap((layer) => layer.workers(lake.exchanges).map(({ main }) => main))
  // Downstream tables first: what one of them has taken is in the ones that it came from.
  for (const main of mains.reverse()) await states.stateOf(main)
  const reports: Omit<StatusReport, 'unusable'>[] = []
  for (const layer of lake.layers) reports.push(await reportOf(lake, layer, states))
  return {
    lanes: [...lake.exchanges.map(({ name }) => name), null].flatMap((name) =>
      reports.flatMap(({ lanes }) => lanes.filter(({ exchange }) => exchange === name)),
    ),
    stops: reports.flatMap(({ stops }) => stops),
    dead_letters: reports.flatMap(({ dead_letters }) => dead_letters),
    unusable: [...states.unusable.values()],
  }
}

async function reportOf(lake: Lake, layer: Layer, states: TableStates): Promise<Omit<StatusReport, 'unusable'>> {
  const lanes: LaneProgress[] = []
  const stops: StoppedLane[] = []
  const dead_letters: DeadLetterRate[] = []
  const rejected = await rejectedBySource(lake, layer, states)
  for (const worker of layer.workers(lake.exchanges)) {
    const { main, topic, upstreams } = worker
    const state = await states.stateOf(main)
    if (!state) continue
    const owner = { layer, table: main.name }
    if (topic !== undefined) {
      const statuses = await lanesRead(lake.log, worker)
      lanes.push(...(await progressInLog(lake, owner, statuses, state)))
      stops.push(...stopsOf(statuses, main.name, state.checkpoint))
    }
    for (const { definition, writtenAt } of upstreams) {
      const upstream = await states.stateOf(definition)
      if (upstream) lanes.push(...(await progressInTable(lake, owner, { ...upstream, writtenAt }, state)))
    }
    if (rejected && layer.deadLetters.length > 0) dead_letters.push(await rateOf(lake, worker, layer, state, rejected))
  }
  return { lanes, stops, dead_letters }
}
