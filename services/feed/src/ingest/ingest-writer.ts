import { AssayError, type Clock, OutageError, withinTime } from '@assay/core'
import type { Exchange, FeedOutcome } from '@assay/exchanges'
import { FeedProducer, type FeedTarget, usualBounds, withinBounds } from '@assay/feed'

/** What became of one message. */
export type ItemOutcome =
  | { readonly outcome: 'accepted'; readonly records: number; readonly refused?: readonly string[] }
  | { readonly outcome: 'ignored' | 'refused'; readonly reason: string }

/** Records may wait so long for the log before their sender is told to try again. */
const WRITE_MS_MAX = 5_000

/** Writes the messages of many requests of one exchange together: what came during one write goes with the next. */
export class IngestWriter {
  readonly #exchange: Exchange
  readonly #producer: FeedProducer
  readonly #clock: Clock
  #last: Promise<void> = Promise.resolve()
  #next: Promise<void> | undefined

  private constructor(exchange: Exchange, producer: FeedProducer, clock: Clock) {
    this.#exchange = exchange
    this.#producer = producer
    this.#clock = clock
  }

  static async open(target: FeedTarget & { readonly clock: Clock }, exchange: Exchange): Promise<IngestWriter> {
    return new IngestWriter(exchange, await FeedProducer.open(target, exchange), target.clock)
  }

  /** Bytes that wait for the log. */
  get waiting_bytes(): number {
    return this.#producer.waiting_bytes
  }

  /**
   * Takes messages, stamped with the clock; durable when it resolves. After an OutageError they may or may not be in
   * the log: sent again, gold keeps each trade once.
   */
  async write(texts: readonly string[]): Promise<ItemOutcome[]> {
    // A parser for each request: sent again, its equal trades are numbered as they were.
    const parse = this.#exchange.newFeedParser(() => BigInt(Math.floor(this.#clock.now_ms() * 1000)))
    const bounds = usualBounds(this.#exchange, this.#clock.now_ms())
    const outcomes = texts.map((text) => this.#take(withinBounds(parse(text), bounds)))
    if (outcomes.some(({ outcome }) => outcome === 'accepted')) await this.#written()
    return outcomes
  }

  #take(message: FeedOutcome): ItemOutcome {
    if (message.kind === 'ignored') return { outcome: 'ignored', reason: message.why }
    if (message.kind === 'refused') return { outcome: 'refused', reason: message.reason }
    const refused = [...message.refused]
    let records = 0
    for (const record of message.records) {
      try {
        this.#producer.add(record, BigInt(Math.floor(this.#clock.now_ms())))
        records++
      } catch (error) {
        if (!(error instanceof AssayError)) throw error
        refused.push(error.message)
      }
    }
    if (records === 0 && refused[0] !== undefined) return { outcome: 'refused', reason: refused[0] }
    return { outcome: 'accepted', records, ...(refused.length > 0 && { refused }) }
  }

  /** Resolves when all that was taken up to here is in the log. */
  async #written(): Promise<void> {
    const late = (): OutageError =>
      new OutageError('log_slow', `the log of ${this.#exchange.name} did not take the records in time`, {
        hint: 'send them again: gold keeps each trade once',
      })
    await withinTime(this.#clock, WRITE_MS_MAX, () => this.#nextWrite(), late)
  }

  #nextWrite(): Promise<void> {
    if (!this.#next) {
      this.#next = this.#last.then(() => {
        this.#next = undefined
        return this.#writeOnce()
      })
      this.#last = this.#next.catch(() => undefined)
    }
    return this.#next
  }

  /** Senders are told of a failure and send again, so what failed is dropped. */
  async #writeOnce(): Promise<void> {
    try {
      await this.#producer.flush()
    } catch (error) {
      this.#producer.dropFailed()
      throw error
    }
  }
}
