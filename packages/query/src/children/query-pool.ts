import { AssayError } from '@assay/core'
import type { Statement } from '../protocol/messages.js'
import { cancelled } from './child-end.js'
import { type AnswerPart, QueryChild, type QueryChildOptions, type Resolver } from './query-child.js'

interface QueryPoolOptions extends QueryChildOptions {
  /** Greatest number of statements at once. */
  readonly size: number
  /** Children that stand ready beyond those at work: one takes most of a second to start. */
  readonly spares: number
  /** Statements that wait for a child; beyond it they are refused. */
  readonly waiting_max: number
}

/**
 * Children that answer people's statements. One that was killed, that crashed or is worn out is replaced; nothing of a
 * statement reaches the next one.
 */
export class QueryPool {
  readonly #options: QueryPoolOptions
  readonly #idle: QueryChild[] = []
  readonly #all = new Set<QueryChild>()
  readonly #waiting: { readonly take: () => void; readonly refuse: (error: AssayError) => void }[] = []
  #atWork = 0
  #isClosed = false

  constructor(options: QueryPoolOptions) {
    this.#options = options
    this.#fill()
  }

  /** Answers a statement as `QueryChild.run` does, once a child is free. Throws `query_busy` when too many wait. */
  async *run(
    statement: Statement,
    resolver: Resolver,
    signal: AbortSignal,
  ): AsyncGenerator<AnswerPart, void, undefined> {
    await this.#turn(signal)
    const child = this.#take()
    try {
      yield* child.run(statement, resolver, signal)
    } finally {
      this.#giveBack(child)
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    for (const { refuse } of this.#waiting.splice(0)) refuse(cancelled())
    await Promise.all([...this.#all].map((child) => child.close()))
  }

  /** Resolves when one more statement may be at work, which it then counts as. */
  async #turn(signal: AbortSignal): Promise<void> {
    if (this.#isClosed || signal.aborted) throw cancelled()
    if (this.#atWork < this.#options.size) {
      this.#atWork++
      return
    }
    if (this.#waiting.length >= this.#options.waiting_max) throw busy(this.#waiting.length)
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1)
        reject(cancelled())
      }
      const settle = (act: () => void): void => {
        signal.removeEventListener('abort', onAbort)
        act()
      }
      const waiter = { take: () => settle(resolve), refuse: (error: AssayError) => settle(() => reject(error)) }
      this.#waiting.push(waiter)
      signal.addEventListener('abort', onAbort, { once: true })
    })
  }

  #take(): QueryChild {
    let child = this.#idle.shift()
    while (child && !child.isFit) {
      this.#drop(child)
      child = this.#idle.shift()
    }
    const taken = child ?? this.#start()
    this.#fill()
    return taken
  }

  #giveBack(child: QueryChild): void {
    if (child.isFit && this.#idle.length < Math.max(1, this.#options.spares) && !this.#isClosed) this.#idle.push(child)
    else this.#drop(child)
    const next = this.#waiting.shift()
    if (next) next.take()
    else this.#atWork--
    this.#fill()
  }

  #drop(child: QueryChild): void {
    void child.close().then(() => this.#all.delete(child))
  }

  #start(): QueryChild {
    const child = new QueryChild(this.#options)
    this.#all.add(child)
    return child
  }

  #fill(): void {
    while (!this.#isClosed && this.#idle.length < this.#options.spares) this.#idle.push(this.#start())
  }
}

function busy(waiting: number): AssayError {
  return new AssayError('query_busy', `${waiting} statements wait for their turn already`, {
    hint: 'try again in a moment',
    retryable: true,
  })
}
