import { systemClock } from '@assay/core'
import duckdb, { type Connection } from '@duckdb/node-bindings'

/** An interrupt that falls between two steps of a statement is forgotten by the second: so it is repeated. */
export const INTERRUPT_AGAIN_MS = 20

/** Stops what runs on a connection and waits for its end, however it ends. */
export async function interruptUntilSettled(connection: Connection, work: Promise<unknown> | undefined): Promise<void> {
  const settled = new AbortController()
  const ending = Promise.allSettled([work]).then(() => settled.abort())
  while (work && !settled.signal.aborted) {
    duckdb.interrupt(connection)
    await systemClock.sleep(INTERRUPT_AGAIN_MS, settled.signal)
  }
  await ending
}
