import { AssayError } from '@assay/core'
import { EVERY_LANE } from '@assay/event-log'
import { bronzeStage, bronzeTable } from '@assay/medallion'
import { DEFAULT_LIMITS, openWorker, type WorkerEvent } from '@assay/pipeline'
import { describe, expect, it } from 'vitest'
import { drain } from './support/drain.js'
import { checkInvariants } from './support/invariants.js'
import { binance, memoryLake } from './support/memory-lake.js'
import { produceSimulated } from './support/records.js'

/** A bronze worker whose first batches run out of the engine's memory. */
async function runOutOfMemory(failures: number): Promise<readonly WorkerEvent[]> {
  const lake = memoryLake()
  await produceSimulated(lake, binance, { count: 20, seed: 5 })
  const events: WorkerEvent[] = []
  const parts = {
    session: await (await lake.engine()).session(),
    clock: lake.clock,
    random: lake.random,
    limits: DEFAULT_LIMITS,
    interval_ms: 0,
    aligned: false,
    upstreamEnded: () => true,
    onEvent: (event: WorkerEvent) => void events.push(event),
    table: (definition: Parameters<typeof lake.table>[0]) => lake.table(definition),
  }
  let left = failures
  const { worker } = await openWorker(parts, bronzeTable('binance'), (context) => {
    const stage = bronzeStage(context, {
      name: 'bronze-binance',
      main: bronzeTable('binance'),
      topic: binance.topic,
      log: lake.log,
      assignment: EVERY_LANE,
    })
    return {
      ...stage,
      async run(checkpoint, signal) {
        if (left-- > 0) throw new AssayError('engine_out_of_memory', 'no room')
        return stage.run(checkpoint, signal)
      },
    }
  })
  await worker.run(new AbortController().signal)
  await drain(lake)
  await checkInvariants(lake)
  await lake.close()
  return events
}

describe('an engine out of memory', () => {
  it('A6: is waited for, since neighbours give back what they hold', async () => {
    const events = await runOutOfMemory(3)
    expect(events.map(({ kind }) => kind)).toEqual(['outage', 'outage', 'outage', 'committed'])
  })

  it('A6: ends the worker when it stays so: the batch is too much for it', async () => {
    await expect(runOutOfMemory(100)).rejects.toMatchObject({ code: 'engine_out_of_memory' })
  })
})
