import { AssayError, type Clock, OutageError, seededRandom } from '@assay/core'
import type { Session } from '@assay/engine'
import { FileSystemCatalog } from '@assay/iceberg'
import { MemoryStore } from '@assay/object-store'
import { describe, expect, it } from 'vitest'
import {
  CommitSignals,
  defineColumns,
  LakeTable,
  type Stage,
  type StageOutcome,
  Worker,
  type WorkerEvent,
} from '../src/index.js'

const TABLE = { name: 'trades', columns: defineColumns([['trade_id', 'long']]), partitionBy: [], orderBy: ['trade_id'] }

/** What a turn of the stage does: nothing to do, an outage, or another error. */
type Turn = 'idle' | 'outage' | 'paused' | 'out_of_memory' | 'file_gone'

const ERRORS: Readonly<Record<Exclude<Turn, 'idle'>, () => Error>> = {
  outage: () => new OutageError('store_away', 'the store is away'),
  paused: () => new OutageError('paused', 'an operator has paused the commits'),
  out_of_memory: () => new AssayError('engine_out_of_memory', 'the engine is out of memory'),
  file_gone: () => new AssayError('object_missing', 'a clean-up took it'),
}

interface Told {
  readonly events: readonly WorkerEvent[]
  readonly recovered_ms: readonly number[]
  readonly forgotten: number
  readonly error: unknown
}

/** Runs a worker through these turns of its stage, until nothing is left. */
async function run(turns: readonly Turn[]): Promise<Told> {
  let now_ms = 1_700_000_000_000
  const clock: Clock = {
    now_ms: () => now_ms,
    monotonic_ms: () => now_ms,
    sleep: async (ms) => {
      now_ms += ms
    },
  }
  const random = seededRandom(1)
  const store = new MemoryStore({ clock })
  const catalog = new FileSystemCatalog(store, 'tables/test', { clock, random })
  const main = await LakeTable.open(TABLE, { catalog, store, clock, random, signals: new CommitSignals() })
  const left = [...turns]
  const events: WorkerEvent[] = []
  const recovered_ms: number[] = []
  let forgotten = 0
  const stage: Stage = {
    name: 'w',
    main: TABLE,
    sides: [],
    async run(): Promise<StageOutcome> {
      const turn = left.shift() ?? 'idle'
      if (turn !== 'idle') throw ERRORS[turn]()
      return { kind: 'idle' }
    },
    forget: () => {
      forgotten += 1
    },
    wait: async () => undefined,
  }
  const worker = new Worker({
    stage,
    main,
    sides: new Map(),
    session: {} as Session,
    clock,
    // Pauses are half as long as they may be.
    random: Object.assign(seededRandom(2), { unit: () => 0 }),
    interval_ms: 0,
    aligned: false,
    upstreamEnded: () => left.length === 0,
    onEvent: (event) => events.push(event),
    onRecovered: (_worker, outage_ms) => recovered_ms.push(outage_ms),
  })
  let error: unknown
  await worker.run(new AbortController().signal).catch((thrown: unknown) => {
    error = thrown
  })
  return { events, recovered_ms, forgotten, error }
}

function pauses_ms({ events }: Told): number[] {
  return events.flatMap((event) => (event.kind === 'outage' ? [event.retry_ms] : []))
}

describe('A8: a worker in outages', () => {
  it('A8: waits longer each time, up to five seconds', async () => {
    const told = await run(Array.from({ length: 8 }, () => 'outage'))
    expect(pauses_ms(told)).toEqual([50, 100, 200, 400, 800, 1_600, 2_500, 2_500])
    expect(told.forgotten).toBe(8)
  })

  it('A8: begins with short pauses again after every good turn, and tells how long each outage took', async () => {
    const told = await run(['outage', 'outage', 'outage', 'idle', 'outage', 'outage', 'idle', 'idle', 'outage', 'idle'])
    expect(pauses_ms(told)).toEqual([50, 100, 200, 50, 100, 50])
    expect(told.recovered_ms).toEqual([350, 150, 50])
  })

  it('A4: a pause of an operator is looked at once a second, and makes no later outage longer', async () => {
    const told = await run(['paused', 'paused', 'paused', 'outage', 'idle'])
    expect(pauses_ms(told)).toEqual([1_000, 1_000, 1_000, 50])
  })

  it('A8: is out of memory for good after eight times in a row, and after fewer only if none was good between', async () => {
    const seven = Array.from({ length: 7 }, (): Turn => 'out_of_memory')
    expect((await run([...seven, 'idle', ...seven, 'idle'])).error).toBeUndefined()
    expect((await run([...seven, 'out_of_memory'])).error).toMatchObject({ code: 'engine_out_of_memory' })
  })

  it('T17: plans again once for files that a clean-up took, and again after a good turn', async () => {
    expect((await run(['file_gone', 'idle', 'file_gone', 'idle'])).error).toBeUndefined()
    expect((await run(['file_gone', 'file_gone'])).error).toMatchObject({ code: 'object_missing' })
  })
})
