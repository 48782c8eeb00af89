import type { ChildProcess } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { AssayError, type Clock, type Random } from '@assay/core'
import { broken, encodeFrame, type Frame } from '../protocol/frames.js'
import { type QueryLimits, statementCpu_ms } from '../protocol/limits.js'
import {
  decodeMessage,
  encodeMessage,
  type FromChild,
  type HeadColumn,
  type Reads,
  type RowCount,
  receivedError,
  type Statement,
  type ToChild,
} from '../protocol/messages.js'
import { type ChildEnd, endError } from './child-end.js'
import { Inbox } from './inbox.js'
import { childCpu_ms, launchChild } from './launch.js'
import { Waiting } from './waiting.js'

export interface QueryChildOptions {
  readonly limits: QueryLimits
  /** Folder in which each child's scratch files have a folder of their own, which goes with it. */
  readonly scratchDirectory: string
  readonly clock: Clock
  readonly random: Random
}

/** A piece of an answer. What came before `end` is the whole of it; without `end` it is not. */
export type AnswerPart =
  | { readonly kind: 'head'; readonly columns: readonly HeadColumn[] }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'cells'; readonly rows: readonly (readonly (string | null)[])[] }
  | ({ readonly kind: 'end' } & RowCount)

/** What a statement is asked with: the tables that there are, and how to find what those that it names consist of. */
export interface Resolver {
  readonly tables: readonly string[]
  resolve(tables: readonly string[], isCatalogRead: boolean): Promise<Reads>
}

/** Errors after which a child is not used again. */
const WORN_OUT_BY: ReadonlySet<string> = new Set(['query_memory', 'query_crashed'])
const START_MS = 30_000
const STDERR_CHARS_MAX = 8_192

/** A process that answers people's statements, one at a time. */
export class QueryChild {
  readonly #options: QueryChildOptions
  readonly #process: ChildProcess
  readonly #pipe: Duplex
  readonly #inbox: Inbox
  readonly #ended: Promise<ChildEnd>
  #isReady = false
  #isFit = true
  #isBusy = false
  #isAnswered = false
  /** What the child said of the last statement that failed. */
  #told: AssayError | undefined

  /** Starts the child and waits for nothing. */
  constructor(options: QueryChildOptions) {
    const scratchDirectory = join(options.scratchDirectory, `assay-query-${options.random.uuid()}`)
    this.#options = options
    this.#process = launchChild({ limits: options.limits, scratchDirectory })
    this.#pipe = this.#process.stdio[3] as Duplex
    // What is wrong with the pipe shows as its end, and how the process ended says why.
    this.#pipe.on('error', () => undefined)
    this.#inbox = new Inbox(this.#pipe)
    this.#ended = this.#watch(scratchDirectory)
  }

  get pid(): number | undefined {
    return this.#process.pid
  }

  /** True as long as it may be given another statement. */
  get isFit(): boolean {
    return this.#isFit
  }

  /**
   * Answers a statement; leaving the answer early ends the process. Throws what the statement failed with
   * (`query_refused`, `query_invalid`, `query_timeout`, `query_memory`, `query_too_large`, `query_crashed`),
   * or `query_stopped` when the signal aborts.
   */
  async *run(
    statement: Statement,
    resolver: Resolver,
    signal: AbortSignal,
  ): AsyncGenerator<AnswerPart, void, undefined> {
    if (this.#isBusy || !this.#isFit) throw new RangeError('a child takes one statement at a time')
    this.#isBusy = true
    this.#isAnswered = false
    let isSettled = false
    try {
      yield* this.#answer(statement, resolver, signal)
    } catch (error) {
      // The child has told what was wrong with the statement, and waits for the next one.
      isSettled = error === this.#told && error instanceof AssayError && !WORN_OUT_BY.has(error.code)
      throw error
    } finally {
      this.#isBusy = false
      if (!isSettled && !this.#isAnswered) this.#kill()
    }
  }

  /** Ends the process, whatever it is at, and resolves when it is gone and its files are. */
  async close(): Promise<void> {
    this.#kill()
    await this.#ended
  }

  async *#answer(
    statement: Statement,
    { tables, resolve }: Resolver,
    signal: AbortSignal,
  ): AsyncGenerator<AnswerPart, void, undefined> {
    const wait = new Waiting(this.#options.clock, this.#options.limits.timeout_ms, signal)
    if (!this.#isReady) await this.#message('ready', new Waiting(this.#options.clock, START_MS, signal))
    this.#isReady = true
    this.#send({ kind: 'inspect', tables, ...statement })
    const reads = await this.#message('reads', wait)
    this.#send({ kind: 'execute', ...(await wait.unlessAborted(resolve(reads.tables, reads.isCatalogRead))) })
    let bytes = 0
    for (;;) {
      const frame = await this.#next(wait)
      if (frame.kind === 'bytes') {
        bytes += frame.payload.length
        yield { kind: 'bytes', bytes: frame.payload }
        continue
      }
      const message = decodeMessage<FromChild>(frame.payload)
      switch (message.kind) {
        case 'head':
        case 'cells':
          yield message
          break
        case 'end':
          if (message.bytes !== bytes) throw broken(`${bytes} of ${message.bytes} bytes`)
          if (childCpu_ms(this.#options.limits) - message.cpu_ms < statementCpu_ms(this.#options.limits))
            this.#isFit = false
          this.#isAnswered = true
          yield { kind: 'end', rows: message.rows, isAll: message.isAll }
          return
        default:
          throw this.#unexpected(message)
      }
    }
  }

  #send(message: ToChild): void {
    this.#pipe.write(encodeFrame('message', encodeMessage(message)))
  }

  async #message<Kind extends FromChild['kind']>(
    kind: Kind,
    wait: Waiting,
  ): Promise<Extract<FromChild, { readonly kind: Kind }>> {
    const { kind: frameKind, payload } = await this.#next(wait)
    if (frameKind !== 'message') throw broken(`bytes before ${kind}`)
    const message = decodeMessage<FromChild>(payload)
    if (message.kind !== kind) throw this.#unexpected(message)
    return message as Extract<FromChild, { readonly kind: Kind }>
  }

  async #next(wait: Waiting): Promise<Frame> {
    const frame = await wait.inTime(this.#inbox.next())
    if (frame) return frame
    throw endError(await this.#ended)
  }

  #unexpected(message: FromChild): AssayError {
    if (message.kind !== 'failed') return broken(`an unexpected ${message.kind}`)
    this.#told = receivedError(message.error)
    return this.#told
  }

  #kill(): void {
    this.#isFit = false
    this.#process.kill('SIGKILL')
    this.#pipe.destroy()
  }

  async #watch(scratchDirectory: string): Promise<ChildEnd> {
    let stderr = ''
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-STDERR_CHARS_MAX)
    })
    const end = await new Promise<Omit<ChildEnd, 'stderr'>>((resolve) => {
      this.#process.once('close', (code, signal) => resolve({ code, signal }))
      this.#process.once('error', ({ message }) => resolve({ code: null, signal: null, failure: message }))
    })
    this.#isFit = false
    // A folder that stays does no harm: it is removed with other left-overs.
    await rm(scratchDirectory, { recursive: true, force: true }).catch(() => undefined)
    return { ...end, stderr }
  }
}
