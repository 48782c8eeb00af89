import { compileEncoder, type RecordEncoder } from '@assay/avro'
import { bytesColumn, nullColumn, type ProduceBatch, type Random, seededRandom } from '@assay/core'
import { type Fault, faults } from './faults.js'
import { HeldBack } from './held-back.js'
import { Markets, type MarketWalk } from './market-walk.js'
import { type CheckedOptions, checkOptions, type SimulationOptions } from './options.js'
import { RecentRecords, type SimulatedRecord } from './recent-records.js'
import { type SentKind, type SimulationTally, Tally } from './tally.js'

interface Simulation {
  /** Batches ready to be produced, made one at a time. To be walked once. */
  readonly batches: Iterable<ProduceBatch>
  tally(): SimulationTally
  /** For how long, in ms, nothing is sent between the batches so far and the next one. */
  stalled_ms(): number
}

/** A record that is made but not sent yet. */
interface Made {
  readonly record: SimulatedRecord
  readonly kind: SentKind
  readonly walk: MarketWalk
  /** When it is made, µs: its event time, but for faults, late trades and clock jumps. */
  readonly made_us: number
}

/** An id that no registry gives out: the greatest there is. */
const UNKNOWN_SCHEMA_ID = 2 ** 31 - 1
/** Makes of the seed another one, so that what is held back for how long changes no trade. */
const DELAYS_SEED = 0x5bd1e995

/**
 * Synthetic trades of one exchange. Trades are numbered without holes per symbol, broken ones included; Kafka
 * timestamps are the event time rounded up to the ms, except where a fault moves the event time. A duplicate
 * repeats key, value and timestamp of a valid record of the last thousand. Where there is nothing to repeat or
 * to be late against yet, an ordinary trade comes instead. Throws a UsageError `bad_simulation`.
 */
export function simulate(options: SimulationOptions): Simulation {
  const simulator = new Simulator(checkOptions(options))
  return {
    batches: simulator.batches(),
    tally: () => simulator.tally.report(options.exchange),
    stalled_ms: () => simulator.stalled_ms,
  }
}

class Simulator {
  readonly tally = new Tally()
  /** 0 until the last record before the stall was sent, then its length. */
  stalled_ms = 0
  private readonly random: Random
  private readonly delays: Random
  private readonly encode: RecordEncoder
  private readonly header: Uint8Array
  private readonly faults: readonly Fault[]
  private readonly markets: Markets
  private readonly recent = new RecentRecords()
  private readonly heldBack = new HeldBack<Made>()
  private made = 0
  private faultsMade = 0
  private newestSent_us = Number.NEGATIVE_INFINITY

  constructor(private readonly options: CheckedOptions) {
    const { exchange, wireHeader, schemaId } = options
    this.random = seededRandom(options.seed)
    this.delays = seededRandom(options.seed ^ DELAYS_SEED)
    this.encode = compileEncoder(exchange.schema)
    this.header = wireHeader(schemaId)
    this.faults = faults(wireHeader(UNKNOWN_SCHEMA_ID), exchange.simulated.sideIsText)
    this.markets = new Markets(options)
  }

  /** A stall is between two batches. */
  *batches(): Generator<ProduceBatch, void> {
    const { count, batchRecords, stall } = this.options
    while (this.tally.produced < count) {
      const records: SimulatedRecord[] = []
      while (records.length < batchRecords) {
        const record = this.next()
        if (!record) break
        records.push(record)
      }
      if (stall && this.isBeforeStall() && this.heldBack.count === 0) this.stalled_ms = stall.duration_ms
      if (records.length > 0) yield toBatch(records)
    }
  }

  /** The next record to be sent; undefined when all of them were, or all that come before the stall. */
  private next(): SimulatedRecord | undefined {
    for (;;) {
      // Nothing is held back over a stall, or beyond the end.
      const isLast = this.made === this.options.count || this.isBeforeStall()
      const now_us = isLast ? Number.POSITIVE_INFINITY : this.nextMade_us()
      const held = this.heldBack.take(now_us)
      if (held) return this.send(held.item, held.due_us)
      if (isLast) return undefined
      const next = this.make(now_us)
      const isInOrder = this.options.disorder_ms === 0 || next.kind === 'duplicate' || next.kind === 'late'
      if (isInOrder) return this.send(next, now_us)
      const delay_us = Math.floor(this.delays.unit() * this.options.disorder_ms * 1000)
      this.heldBack.add(next, now_us + delay_us)
    }
  }

  /** True when the next record to be made comes after a stall that is still to come. */
  private isBeforeStall(): boolean {
    const { stall, count, rate } = this.options
    if (!stall || this.stalled_ms > 0 || this.made === count) return false
    return Math.floor((this.made * 1_000_000) / rate) >= stall.from_ms * 1000
  }

  private nextMade_us(): number {
    const { startTime_ms, rate } = this.options
    return (startTime_ms + this.stalled_ms) * 1000 + Math.floor((this.made * 1_000_000) / rate)
  }

  private send({ record, kind, walk, made_us }: Made, sent_us: number): SimulatedRecord {
    this.tally.count(kind, walk.symbol)
    if (kind === 'duplicate' || kind === 'late') return record
    if (made_us < this.newestSent_us) this.tally.disordered++
    else this.newestSent_us = made_us
    if (kind === 'trade') {
      walk.newest_us = Math.max(made_us, walk.newest_us ?? made_us)
      this.recent.add(record, walk, sent_us)
    }
    return record
  }

  private make(now_us: number): Made {
    const { duplicates, invalid, late, clockJump } = this.options
    this.made++
    const lot = this.random.unit()
    if (clockJump && this.made % clockJump.every === 0) return this.jumped(now_us, clockJump.ahead_ms * 1000)
    if (lot < duplicates) return this.duplicate(now_us) ?? this.ordinary(now_us)
    if (lot < duplicates + invalid) return this.broken(now_us)
    if (lot < duplicates + invalid + late) return this.belated(now_us)
    return this.ordinary(now_us)
  }

  private duplicate(made_us: number): Made | undefined {
    const drawn = this.recent.draw(made_us, this.random)
    return drawn && { record: drawn.record, kind: 'duplicate', walk: drawn.walk, made_us }
  }

  private ordinary(made_us: number): Made {
    const walk = this.markets.choose(this.random)
    return { record: this.valid(walk, made_us), kind: 'trade', walk, made_us }
  }

  /** As a broken clock of the exchange would have it; it says nothing of how late others are. */
  private jumped(made_us: number, ahead_us: number): Made {
    const walk = this.markets.choose(this.random)
    return { record: this.valid(walk, made_us + ahead_us), kind: 'clock_jump', walk, made_us }
  }

  /** Two to ten minutes behind the newest trade of its symbol. */
  private belated(made_us: number): Made {
    const walk = this.markets.choose(this.random)
    if (walk.newest_us === undefined) return this.ordinary(made_us)
    const event_us = walk.newest_us - 120_000_000 - Math.floor(this.random.unit() * 480_000_000)
    return { record: this.valid(walk, event_us), kind: 'late', walk, made_us }
  }

  private valid(walk: MarketWalk, event_us: number): SimulatedRecord {
    const trade = walk.next(event_us, this.random)
    const value = this.encode(this.options.exchange.record(trade), this.header)
    return { key: walk.key, value, timestamp_ms: Math.ceil(event_us / 1000) }
  }

  /** An invalid record; all faults take turns. It has the symbol's key, and so the symbol's lane. */
  private broken(made_us: number): Made {
    const walk = this.markets.choose(this.random)
    const fault = this.faults[this.faultsMade % this.faults.length] as Fault
    const turn = Math.floor(this.faultsMade / this.faults.length)
    this.faultsMade++
    const sound = walk.next(made_us, this.random)
    const trade = { ...sound, ...fault.trade?.(sound, turn) }
    const framed = this.encode(this.options.exchange.record(trade), this.header)
    const value = fault.wire ? fault.wire(framed, turn) : framed
    const record = { key: walk.key, value, timestamp_ms: Math.ceil(made_us / 1000) }
    return { record, kind: fault, walk, made_us }
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
