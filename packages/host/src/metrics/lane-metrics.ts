import { type Clock, parseLaneKey } from '@assay/core'
import { exchangeOfLane, type Lake, type LaneProgress, type StatusReport, statusReport } from '@assay/lake'
import type { Layer } from '@assay/medallion'
import { Gauge, type Registry } from 'prom-client'

/** Series of each gauge at most; of more lanes those with the greatest lag are shown. */
const LANES_MAX = 1_000
const READ_MS_MAX = 5_000
/** Scrapes that come closer together share a reading. */
const FRESH_MS = 1_000

const LAG_SECONDS_HELP =
  'How long the oldest record that waits has been there to be read, by its arrival upstream; 0 when nothing waits.'

/** How far a layer has come in each lane, read from log and tables when it is asked for. */
export class LaneMetrics {
  readonly #layer: string
  readonly #clock: Clock
  readonly #isRead: Gauge
  readonly #lagRecords: Gauge
  readonly #lagSeconds: Gauge
  readonly #position: Gauge
  readonly #lastCommit: Gauge
  readonly #stopped: Gauge | undefined
  readonly #rejectedRatio: Gauge | undefined
  readonly #recentRatio: Gauge | undefined
  #read: { readonly at_ms: number; readonly done: Promise<void> } | undefined

  constructor(registry: Registry, layer: Layer, clock: Clock) {
    this.#layer = layer.name
    this.#clock = clock
    const gauge = (name: string, help: string, labelNames: string[]): Gauge =>
      new Gauge({ name: `assay_${layer.name}_${name}`, help, labelNames, registers: [registry] })
    const lane = ['exchange', 'topic', 'partition']
    this.#isRead = gauge(
      'status_up',
      '1 if the lanes could be read for this answer; without, their gauges are left out.',
      [],
    )
    this.#lagRecords = gauge('lag_records', 'Offsets of the lane that are there to be read.', lane)
    this.#lagSeconds = gauge('lag_seconds', LAG_SECONDS_HELP, lane)
    this.#position = gauge('position', 'Next offset to take.', lane)
    this.#lastCommit = gauge('last_commit_timestamp_seconds', 'Time of the last commit, in seconds since 1970.', [
      'exchange',
    ])
    if (layer.needs.includes('log'))
      this.#stopped = gauge('stopped_lanes', "Lanes that wait for an operator's word.", ['exchange'])
    if (layer.deadLetters.length > 0)
      this.#rejectedRatio = gauge('dead_letter_ratio', 'Share of all rows judged that broke a rule.', ['exchange'])
    if (layer.judgedAt)
      this.#recentRatio = gauge(
        'recent_dead_letter_ratio',
        'Share of the rows judged in the last hour that broke a rule; left out while there are none.',
        ['exchange'],
      )
  }

  /** Reads anew. What can't be read is left out: a scrape never fails for it. */
  refresh(lake: Lake | undefined): Promise<void> {
    const now_ms = this.#clock.monotonic_ms()
    if (!this.#read || now_ms - this.#read.at_ms > FRESH_MS) this.#read = { at_ms: now_ms, done: this.#refresh(lake) }
    return this.#read.done
  }

  async #refresh(lake: Lake | undefined): Promise<void> {
    const answered = new AbortController()
    const late = this.#clock.sleep(READ_MS_MAX, answered.signal).then(() => undefined)
    const report = lake && (await Promise.race([statusReport(lake).catch(() => undefined), late]))
    answered.abort()
    this.#isRead.set(report ? 1 : 0)
    const ofLanes = [this.#lagRecords, this.#lagSeconds, this.#position, this.#lastCommit, this.#stopped]
    for (const gauge of [...ofLanes, this.#rejectedRatio]) gauge?.reset()
    if (lake && report) this.#show(lake, report)
  }

  #show(lake: Lake, { lanes, stops, dead_letters }: StatusReport): void {
    const own = lanes.filter(({ layer }) => layer === this.#layer)
    const shown = [...own].sort((a, b) => Number(b.lag_rows - a.lag_rows)).slice(0, LANES_MAX)
    for (const lane of shown) this.#showLane(lane)
    for (const { name } of lake.exchanges) {
      const own = stops.filter(({ lane }) => exchangeOfLane(lake, lane) === name)
      this.#stopped?.set({ exchange: name }, own.length)
    }
    this.#recentRatio?.reset()
    for (const { exchange, rate, last_hour } of dead_letters) {
      if (rate !== null) this.#rejectedRatio?.set({ exchange }, rate)
      if (last_hour.rate !== null) this.#recentRatio?.set({ exchange }, last_hour.rate)
    }
  }

  #showLane(lane: LaneProgress): void {
    const exchange = lane.exchange ?? 'unknown'
    const { topic, partition } = parseLaneKey(lane.lane)
    const labels = { exchange, topic, partition: String(partition) }
    this.#lagRecords.set(labels, Number(lane.lag_rows))
    if (lane.lag_seconds !== null) this.#lagSeconds.set(labels, lane.lag_seconds)
    this.#position.set(labels, Number(lane.position))
    if (lane.last_commit_ms !== null) this.#lastCommit.set({ exchange }, lane.last_commit_ms / 1000)
  }
}
