import { compileEncoder, type RecordEncoder } from '@assay/avro'
import { bytesColumn, nullColumn, type ProduceBatch, type Random, seededRandom } from '@assay/core'
import { PRESENT_READING } from '../markets/reading.js'
import { type Fault, faults } from './faults.js'
import { Markets, type MarketWalk } from './market-walk.js'
import { type CheckedOptions, checkOptions, type SimulationOptions } from './options.js'
import { RecentRecords, type SimulatedRecord } from './recent-records.js'

/** What the batches made so far hold, and so what the tables must come to hold. */
export interface SimulationTally {
  readonly produced: number
  /** Rows of silver: first deliveries and duplicates. */
  readonly valid: number
  /** Rows of gold_duplicates; gold has `valid - duplicates`. */
  readonly duplicates: number
  /** Rows of the dead-letter queue by `error_reason`. */
  readonly invalid: Readonly<Record<string, number>>
  /**
   * Valid rows that are at least two minutes behind the newest trade of their symbol; no other is behind by more than
   * 10 s.
   */
  readonly late: number
  /** Rows of gold by silver's symbol. */
  readonly by_symbol: Readonly<Record<string, number>>
}

interface Simulation {
  /** Batches ready to be produced, made one at a time. To be walked once. */
  readonly batches: Iterable<ProduceBatch>
  tally(): SimulationTally
}

/** An id that no registry gives out: the greatest there is. */
const UNKNOWN_SCHEMA_ID = 2 ** 31 - 1

/**
 * Synthetic trades of one exchange. Trades are numbered without holes per symbol, broken ones included; Kafka
 * timestamps are the event time rounded up to the ms, except where a fault moves the event time. A duplicate
 * repeats key, value and timestamp of a valid record of the last thousand. Where there is nothing to repeat or
 * to be late against yet, an ordinary trade comes instead. Throws a UsageError `bad_simulation`.
 */
export function simulate(options: SimulationOptions): Simulation {
  const simulator = new Simulator(checkOptions(options))
  return { batches: simulator.batches(), tally: () => simulator.tally() }
}

class Simulator {
  private readonly random: Random
  private readonly encode: RecordEncoder
  private readonly header: Uint8Array
  private readonly faults: readonly Fault[]
  private readonly markets: Markets
  private readonly recent = new RecentRecords()
  private readonly bySymbol = new Map<string, number>()
  private readonly invalid = new Map<string, number>()
  private faultsMade = 0
  private produced = 0
  private duplicates = 0
  private late = 0

  constructor(private readonly options: CheckedOptions) {
    const { exchange, wireHeader, schemaId } = options
    this.random = seededRandom(options.seed)
    this.encode = compileEncoder(exchange.schema)
    this.header = wireHeader(schemaId)
    this.faults = faults(wireHeader(UNKNOWN_SCHEMA_ID), exchange.simulated.sideIsText)
    this.markets = new Markets(exchange, options.symbols, options.skew)
  }

  *batches(): Generator<ProduceBatch, void> {
    while (this.produced < this.options.count) {
      const count = Math.min(this.options.batchRecords, this.options.count - this.produced)
      yield toBatch(Array.from({ length: count }, () => this.next()))
    }
  }

  tally(): SimulationTally {
    const invalid = [...this.invalid.values()].reduce((sum, count) => sum + count, 0)
    const { market } = this.options.exchange
    const by_symbol: Record<string, number> = {}
    for (const [symbol, count] of this.bySymbol) {
      const name = market(symbol, PRESENT_READING).symbol ?? symbol
      by_symbol[name] = (by_symbol[name] ?? 0) + count
    }
    return {
      produced: this.produced,
      valid: this.produced - invalid,
      duplicates: this.duplicates,
      invalid: Object.fromEntries(this.invalid),
      late: this.late,
      by_symbol,
    }
  }

  private next(): SimulatedRecord {
    const { startTime_ms, rate, duplicates, invalid, late } = this.options
    const event_us = startTime_ms * 1000 + Math.floor((this.produced * 1_000_000) / rate)
    this.produced++
    const lot = this.random.unit()
    if (lot < duplicates) return this.duplicate(event_us) ?? this.ordinary(event_us)
    if (lot < duplicates + invalid) return this.broken(event_us)
    if (lot < duplicates + invalid + late) return this.belated(event_us)
    return this.ordinary(event_us)
  }

  private duplicate(event_us: number): SimulatedRecord | undefined {
    const record = this.recent.draw(event_us, this.random)
    if (record) this.duplicates++
    return record
  }

  private ordinary(event_us: number): SimulatedRecord {
    const walk = this.markets.choose(this.random)
    const record = this.valid(walk, event_us)
    walk.newest_us = event_us
    this.recent.add(record, event_us)
    return record
  }

  /** Two to ten minutes behind the newest trade of its symbol. */
  private belated(event_us: number): SimulatedRecord {
    const walk = this.markets.choose(this.random)
    if (walk.newest_us === undefined) return this.ordinary(event_us)
    this.late++
    return this.valid(walk, walk.newest_us - 120_000_000 - Math.floor(this.random.unit() * 480_000_000))
  }

  private valid(walk: MarketWalk, event_us: number): SimulatedRecord {
    const trade = walk.next(event_us, this.random)
    this.bySymbol.set(walk.symbol, (this.bySymbol.get(walk.symbol) ?? 0) + 1)
    const value = this.encode(this.options.exchange.record(trade), this.header)
    return { key: walk.key, value, timestamp_ms: Math.ceil(event_us / 1000) }
  }

  /** An invalid record; all faults take turns. It has the symbol's key, and so the symbol's lane. */
  private broken(event_us: number): SimulatedRecord {
    const walk = this.markets.choose(this.random)
    const fault = this.faults[this.faultsMade % this.faults.length] as Fault
    const turn = Math.floor(this.faultsMade / this.faults.length)
    this.faultsMade++
    this.invalid.set(fault.reason, (this.invalid.get(fault.reason) ?? 0) + 1)
    const sound = walk.next(event_us, this.random)
    const trade = { ...sound, ...fault.trade?.(sound, turn) }
    const framed = this.encode(this.options.exchange.record(trade), this.header)
    const value = fault.wire ? fault.wire(framed, turn) : framed
    return { key: walk.key, value, timestamp_ms: Math.ceil(event_us / 1000) }
  }
}

function toBatch(records: readonly SimulatedRecord[]): ProduceBatch {
  return {
    count: records.length,
    timestamps_ms: BigInt64Array.from(records, ({ timestamp_ms }) => BigInt(timestamp_ms)),
    keys: bytesColumn(records.map(({ key }) => key)),
    values: bytesColumn(records.map(({ value }) => value)),
    headers: nullColumn(records.length),
  }
}
