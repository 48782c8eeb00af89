import { AssayError, type Clock, type Random } from '@assay/core'
import type { Exchange, FeedOutcome, FeedParser, FeedRecord } from '@assay/exchanges'
import { FeedProducer, type FeedTarget } from './feed-producer.js'
import { type Line, readLines, untilAborted } from './lines.js'
import { Pacer } from './pacer.js'
import type { LineSource } from './sources.js'
import { type TimeBounds, usualBounds, withinBounds } from './time-bounds.js'

interface LoadOptions {
  readonly exchange: Exchange
  readonly sources: readonly LineSource[]
  /** Records a second; as fast as the log takes them without. */
  readonly rate?: number
  /** Trades outside are refused; without, those that can't be the exchange's. */
  readonly bounds?: Partial<TimeBounds>
  readonly signal: AbortSignal
  /** Called after each batch that was written. */
  readonly onProgress: (progress: LoadProgress) => void
}

interface LoadProgress extends Pick<LoadReport, 'produced' | 'refused' | 'ignored'> {
  /** Of all sources, from 0 to 1; undefined where one does not know its size. */
  readonly share: number | undefined
}

/** Something of a file that did not become a record, and why. */
interface Refusal {
  readonly file: string
  /** Number of the line, counted from 1. */
  readonly line: number
  readonly reason: string
}

export interface LoadReport {
  /** Names the load: `origin_id` of its rows in silver and gold. */
  readonly load_id: string
  /** Records that are in the log. */
  readonly produced: number
  /** Lines, or trades within a line, that could not be used. */
  readonly refused: number
  /** Messages that have nothing to do with trades. */
  readonly ignored: number
  /** The first of the refused messages. */
  readonly refusals: readonly Refusal[]
  /** False when it was aborted before the end of the last file. */
  readonly is_complete: boolean
}

const REFUSALS_MAX = 20

/**
 * Produces feed messages, one a line, stamped with their event time. Memory is bounded by one line and one
 * batch. When it throws, what was written so far stays; loading again repeats it, which gold recognises. Whoever
 * opened the sources closes them.
 */
export async function loadSources(
  target: FeedTarget & { readonly clock: Clock; readonly random: Random },
  options: LoadOptions,
): Promise<LoadReport> {
  const id = target.random.uuid()
  const producer = await FeedProducer.open(target, options.exchange, { origin: 'load', id })
  const loader = new Loader(id, target.clock, producer, options)
  for (const source of options.sources) await loader.load(source)
  await loader.flush()
  return loader.report()
}

function shareRead(sources: readonly LineSource[]): number | undefined {
  let [read, all] = [0, 0]
  for (const { extent } of sources) {
    if (!extent) return undefined
    read += extent.read_bytes()
    all += extent.size_bytes
  }
  return all === 0 ? undefined : Math.min(1, read / all)
}

class Loader {
  readonly #id: string
  readonly #clock: Clock
  readonly #producer: FeedProducer
  readonly #options: LoadOptions
  readonly #bounds: TimeBounds
  readonly #pacer: Pacer | undefined
  /** Of the file that is being read: what equal trades are numbered in. */
  #parse: FeedParser
  readonly #refusals: Refusal[] = []
  #refused = 0
  #ignored = 0

  constructor(id: string, clock: Clock, producer: FeedProducer, options: LoadOptions) {
    this.#id = id
    this.#clock = clock
    this.#producer = producer
    this.#options = options
    this.#bounds = { ...usualBounds(options.exchange, clock.now_ms()), ...options.bounds }
    this.#parse = this.#newParser()
    this.#pacer = options.rate === undefined ? undefined : new Pacer(clock, options.rate)
  }

  async load(source: LineSource): Promise<void> {
    const { signal } = this.#options
    this.#parse = this.#newParser()
    for await (const lines of readLines(untilAborted(source.chunks, signal))) {
      for (const line of lines) {
        if (signal.aborted) return
        this.#take(source.name, line)
        if (this.#producer.isFull) await this.flush()
        if (this.#pacer) await this.#keepPace(this.#pacer)
      }
    }
  }

  async flush(): Promise<void> {
    if (this.#producer.waiting === 0) return
    await this.#producer.flush()
    const { produced, refused, ignored } = this.report()
    this.#options.onProgress({ produced, refused, ignored, share: shareRead(this.#options.sources) })
  }

  report(): LoadReport {
    return {
      load_id: this.#id,
      produced: this.#producer.produced,
      refused: this.#refused,
      ignored: this.#ignored,
      refusals: this.#refusals,
      is_complete: !this.#options.signal.aborted,
    }
  }

  #take(file: string, line: Line): void {
    const refuse = (reason: string): void => this.#refuse({ file, line: line.number, reason })
    const outcome: FeedOutcome =
      line.kind === 'text'
        ? withinBounds(this.#parse(line.text), this.#bounds)
        : { kind: 'refused', reason: line.reason }
    if (outcome.kind === 'ignored') this.#ignored++
    else if (outcome.kind === 'refused') refuse(outcome.reason)
    else {
      outcome.refused.forEach(refuse)
      for (const record of outcome.records) this.#produce(record, refuse)
    }
  }

  #newParser(): FeedParser {
    return this.#options.exchange.newFeedParser(() => BigInt(Math.floor(this.#clock.now_ms())) * 1000n)
  }

  #produce(record: FeedRecord, refuse: (reason: string) => void): void {
    try {
      this.#producer.add(record)
    } catch (error) {
      if (!(error instanceof AssayError)) throw error
      refuse(error.message)
    }
  }

  #refuse(refusal: Refusal): void {
    this.#refused++
    if (this.#refusals.length < REFUSALS_MAX) this.#refusals.push(refusal)
  }

  async #keepPace(pacer: Pacer): Promise<void> {
    const wait_ms = pacer.wait_ms(this.#producer.produced + this.#producer.waiting)
    if (wait_ms <= 0) return
    await this.flush()
    await this.#clock.sleep(wait_ms, this.#options.signal)
  }
}
