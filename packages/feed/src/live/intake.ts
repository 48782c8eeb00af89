import { AssayError, type Clock, isRetryable } from '@assay/core'
import type { Exchange, FeedRecord } from '@assay/exchanges'
import type { FeedEvent } from '../feed-event.js'
import type { FeedProducer } from '../feed-producer.js'
import { usualBounds, withinBounds } from '../time-bounds.js'

/** How long records gather before they are written. */
const GATHER_MS = 50
const RETRY_MS = 1_000
const PROGRESS_MS = 1_000
/** Records held at most, and their bytes, before reading stops; it goes on at half of that. */
const WAITING_RECORDS_MAX = 20_000
const WAITING_BYTES_MAX = 8 * 2 ** 20
/** How long the log gets one more chance at the end. */
const LAST_WRITE_MS = 3_000

/** The source that is read; it is paused while the log is away. */
interface Source {
  pause(): void
  resume(): void
}

interface Tally {
  messages: number
  refused: number
  refusal: string | undefined
  refusedText: string | undefined
}

const NOTHING: Readonly<Tally> = { messages: 0, refused: 0, refusal: undefined, refusedText: undefined }
/** Characters of a refused message that are told: enough to see its form. */
const TOLD_CHARACTERS_MAX = 300

/** Takes an exchange's text frames into the log, stamped with the clock; what the log has not taken waits, bounded. */
export class Intake {
  readonly #exchange: Exchange
  readonly #producer: FeedProducer
  readonly #clock: Clock
  readonly #onEvent: (event: FeedEvent) => void
  #tally: Tally = { ...NOTHING }
  #source: Source | undefined
  #isHeldUp = false
  #flushing: Promise<void> | undefined
  #told_ms: number
  #toldRecords = 0
  /** When the last trade was taken, or this was made. */
  #took_ms: number

  constructor(exchange: Exchange, producer: FeedProducer, clock: Clock, onEvent: (event: FeedEvent) => void) {
    this.#exchange = exchange
    this.#producer = producer
    this.#clock = clock
    this.#onEvent = onEvent
    this.#told_ms = clock.monotonic_ms()
    this.#took_ms = this.#told_ms
  }

  /** True when all that was taken is in the log, and no trade has come for so long. */
  isQuiet(for_ms: number): boolean {
    return this.#producer.waiting === 0 && this.#clock.monotonic_ms() - this.#took_ms >= for_ms
  }

  take(text: string): void {
    this.#tally.messages++
    // A parser for each message: where two connections deliver, equal trades of both are numbered alike.
    const parse = this.#exchange.newFeedParser(() => BigInt(Math.floor(this.#clock.now_ms() * 1000)))
    const outcome = withinBounds(parse(text), usualBounds(this.#exchange, this.#clock.now_ms()))
    if (outcome.kind === 'records') {
      for (const reason of outcome.refused) this.#refuse(reason, text)
      for (const record of outcome.records) this.#add(record, text)
      if (this.#fullness() >= 1) this.#holdUp()
      return
    }
    const frame = this.#exchange.live.onText(text)
    if (frame.kind === 'error') {
      this.#onEvent({ kind: 'rejected', exchange: this.#exchange.name, reason: frame.reason })
    } else if (frame.kind === 'data' && outcome.kind === 'refused') this.#refuse(outcome.reason, text)
  }

  /** Writes what was taken until the abort, and then what is left. An outage is waited out. */
  async run(source: Source, signal: AbortSignal): Promise<void> {
    this.#source = source
    while (!signal.aborted) {
      await this.#clock.sleep(GATHER_MS, signal)
      await untilAborted(this.#write(signal), signal)
    }
    const written = new AbortController()
    await Promise.race([this.#writeRest(), this.#clock.sleep(LAST_WRITE_MS, written.signal)])
    written.abort()
    this.#tell()
    const records = this.#producer.waiting
    if (records > 0) this.#onEvent({ kind: 'given_up', exchange: this.#exchange.name, records })
  }

  async #write(signal: AbortSignal): Promise<void> {
    try {
      await this.#flush()
      if (this.#isHeldUp && this.#fullness() <= 0.5) {
        this.#isHeldUp = false
        this.#source?.resume()
      }
    } catch (error) {
      if (!isRetryable(error)) throw error
      this.#onEvent({ kind: 'outage', exchange: this.#exchange.name, error, retry_ms: RETRY_MS })
      this.#tell()
      await this.#clock.sleep(RETRY_MS, signal)
    }
    const { messages } = this.#tally
    if (messages > 0 || this.#clock.monotonic_ms() - this.#told_ms >= PROGRESS_MS) this.#tell()
  }

  /** Two writes at most: of what an outage had kept from the log, and of what came meanwhile. */
  async #writeRest(): Promise<void> {
    try {
      await this.#flush()
      await this.#flush()
    } catch (error) {
      if (!isRetryable(error)) throw error
    }
  }

  /** The write that is under way, or a new one. */
  #flush(): Promise<void> {
    this.#flushing ??= this.#producer.flush().finally(() => {
      this.#flushing = undefined
    })
    return this.#flushing
  }

  #add(record: FeedRecord, text: string): void {
    this.#took_ms = this.#clock.monotonic_ms()
    try {
      this.#producer.add(record, BigInt(Math.floor(this.#clock.now_ms())))
    } catch (error) {
      if (!(error instanceof AssayError)) throw error
      this.#refuse(error.message, text)
    }
  }

  #refuse(reason: string, text: string): void {
    this.#tally.refused++
    this.#tally.refusal ??= reason
    this.#tally.refusedText ??= JSON.stringify(text.slice(0, TOLD_CHARACTERS_MAX))
  }

  #holdUp(): void {
    if (this.#isHeldUp) return
    this.#isHeldUp = true
    this.#source?.pause()
  }

  #fullness(): number {
    return Math.max(this.#producer.waiting / WAITING_RECORDS_MAX, this.#producer.waiting_bytes / WAITING_BYTES_MAX)
  }

  #tell(): void {
    const { messages, refused, refusal, refusedText } = this.#tally
    this.#onEvent({
      kind: 'progress',
      exchange: this.#exchange.name,
      messages,
      records: this.#producer.produced - this.#toldRecords,
      refused,
      ...(refusal !== undefined && { refusal }),
      ...(refusedText !== undefined && { refused_text: refusedText }),
      buffer_bytes: this.#producer.waiting_bytes,
    })
    this.#toldRecords = this.#producer.produced
    this.#told_ms = this.#clock.monotonic_ms()
    this.#tally = { ...NOTHING }
  }
}

/** Resolves with the work or at the abort. Leaves no listener behind: it is called many times with one signal. */
async function untilAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  let onAbort = (): void => undefined
  const aborted = new Promise<void>((resolve) => {
    onAbort = resolve
    if (signal.aborted) resolve()
  })
  signal.addEventListener('abort', onAbort)
  try {
    await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
