import { availableParallelism } from 'node:os'
import type { Engine, Session } from '@assay/engine'

/** Node has four threads for such work; one is left to the files that are read meanwhile. */
const SESSIONS_MAX = 3

/** A few sessions of the engine for many queries: what finds none idle waits for its turn. */
export class SessionPool {
  readonly size: number
  readonly #sessions: readonly Session[]
  readonly #idle: Session[]
  readonly #waiting: ((session: Session) => void)[] = []

  private constructor(sessions: readonly Session[]) {
    this.size = sessions.length
    this.#sessions = sessions
    this.#idle = [...sessions]
  }

  /** As many sessions as the machine can run side by side; each runs in a thread of its own. */
  static async open(engine: Engine): Promise<SessionPool> {
    const count = Math.min(SESSIONS_MAX, availableParallelism())
    return new SessionPool(await Promise.all(Array.from({ length: count }, () => engine.session())))
  }

  /** A small result as objects, as `Session.rows` gives it. */
  async rows(sql: string): Promise<Record<string, unknown>[]> {
    const session = this.#idle.pop() ?? (await new Promise<Session>((resolve) => this.#waiting.push(resolve)))
    try {
      return await session.rows(sql)
    } finally {
      const next = this.#waiting.shift()
      if (next) next(session)
      else this.#idle.push(session)
    }
  }

  /** Interrupts what runs; what still waits throws `session_closed`. */
  async close(): Promise<void> {
    await Promise.all(this.#sessions.map((session) => session.close()))
  }
}

/** The items in so many chunks, filled in turn; none stays empty. */
export function chunked<T>(items: readonly T[], chunks: number): T[][] {
  const count = Math.min(chunks, items.length)
  return Array.from({ length: count }, (_, chunk) => items.filter((_item, i) => i % count === chunk))
}
