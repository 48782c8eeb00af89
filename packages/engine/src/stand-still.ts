import { AssayError, beforeLeaving, systemClock } from '@assay/core'
import duckdb, { type Connection } from '@duckdb/node-bindings'
import { INTERRUPT_AGAIN_MS } from './interrupt.js'

const running = new Map<Promise<unknown>, Connection>()
let isLeaving = false

/** Notes what runs on a connection, so that a process that leaves can stop it. */
export async function whileRunning<T>(connection: Connection, work: () => Promise<T>): Promise<T> {
  if (isLeaving) {
    throw new AssayError('engine_interrupted', 'the process is ending', { hint: 'run it again if it is still wanted' })
  }
  const underWay = work()
  running.set(underWay, connection)
  try {
    return await underWay
  } finally {
    running.delete(underWay)
  }
}

/**
 * Stops every statement of the process and takes no other. Meanwhile JavaScript goes on: a statement that waits for a
 * column source is answered, sees the interrupt, and ends.
 */
async function standStill(gone: AbortSignal): Promise<void> {
  isLeaving = true
  gone.addEventListener('abort', () => {
    isLeaving = false
  })
  while (running.size > 0 && !gone.aborted) {
    for (const connection of running.values()) duckdb.interrupt(connection)
    await Promise.race([Promise.allSettled(running.keys()), systemClock.sleep(INTERRUPT_AGAIN_MS)])
  }
}

beforeLeaving(standStill)
