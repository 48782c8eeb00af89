import type { Exchange } from '@assay/exchanges'
import {
  type BatchLimits,
  bronzeTable,
  DEFAULT_LIMITS,
  GOLD_TABLE,
  goldStage,
  type LakeTable,
  type RuleSet,
  SILVER_RULES,
  type Stage,
  type StageContext,
  silverStage,
  silverTable,
  type TableDefinition,
  Worker,
  type WorkerEvent,
} from '@assay/medallion'
import type { Lake } from '@assay/runtime'

export interface SingleWorkerOptions {
  readonly limits?: Partial<BatchLimits>
  readonly rules?: RuleSet
}

/** A stage with its context on a lake, to be driven batch by batch, or by `worker`. */
export interface SingleWorker {
  readonly stage: Stage
  readonly main: LakeTable
  readonly sides: ReadonlyMap<string, LakeTable>
  readonly worker: Worker
  readonly events: readonly WorkerEvent[]
}

export function silverWorker(lake: Lake, exchange: Exchange, options: SingleWorkerOptions = {}): Promise<SingleWorker> {
  return assemble(lake, silverTable(exchange.name), options, async (context) =>
    silverStage(context, {
      exchange,
      bronze: await lake.table(bronzeTable(exchange.name)),
      registry: lake.registry,
      rules: options.rules ?? SILVER_RULES,
      adopt: false,
    }),
  )
}

export function goldWorker(lake: Lake, options: SingleWorkerOptions = {}): Promise<SingleWorker> {
  return assemble(lake, GOLD_TABLE, options, async (context, gold) =>
    goldStage(context, {
      silvers: await Promise.all(lake.exchanges.map(({ name }) => lake.table(silverTable(name)))),
      gold,
      keySet_bytes: 2 ** 20,
      adopt: false,
    }),
  )
}

async function assemble(
  lake: Lake,
  definition: TableDefinition,
  options: SingleWorkerOptions,
  makeStage: (context: StageContext, main: LakeTable) => Promise<Stage>,
): Promise<SingleWorker> {
  const session = await (await lake.engine()).session()
  const main = await lake.table(definition)
  const sides = new Map([[definition.name, main]])
  const { clock, random } = lake
  const context: StageContext = {
    session,
    clock,
    random,
    limits: { ...DEFAULT_LIMITS, ...options.limits },
    write: async (table, select, partition) => {
      const target = sides.get(table.name)
      if (!target) throw new RangeError(`${definition.name} has no side table ${table.name}`)
      return target.write(session, select, partition)
    },
  }
  const stage = await makeStage(context, main)
  for (const side of stage.sides) sides.set(side.name, await lake.table(side))
  const events: WorkerEvent[] = []
  const worker = new Worker({
    stage,
    main,
    sides,
    session,
    clock,
    random,
    interval_ms: 0,
    aligned: false,
    upstreamEnded: () => true,
    onEvent: (event) => void events.push(event),
  })
  return { stage, main, sides, worker, events }
}

/** Runs one worker until nothing is left for it. */
export async function runAlone({ worker }: SingleWorker): Promise<void> {
  await worker.run(new AbortController().signal)
}
