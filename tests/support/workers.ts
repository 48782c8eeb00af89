import { CANDLES_TABLE, candleStage } from '@assay/candles'
import { EVERY_LANE } from '@assay/event-log'
import type { Exchange } from '@assay/exchanges'
import type { Lake } from '@assay/lake'
import { bronzeTable, GOLD_TABLE, goldStage, silverStage, silverTable } from '@assay/medallion'
import {
  type BatchLimits,
  DEFAULT_LIMITS,
  type HandOver,
  type OpenedWorker,
  openWorker,
  type WorkerEvent,
  type WorkerParts,
} from '@assay/pipeline'
import { type RuleSet, SILVER_RULES } from '@assay/rules'

export interface SingleWorkerOptions {
  readonly limits?: Partial<BatchLimits>
  readonly rules?: RuleSet
  /** Where silver leaves its rows for gold, and gold looks for them. */
  readonly handOver?: HandOver
  /** Called with each event as it comes. */
  readonly onEvent?: (event: WorkerEvent) => void
}

/** A stage on a lake, to be driven batch by batch, or by `worker`. */
export interface SingleWorker extends OpenedWorker {
  readonly events: readonly WorkerEvent[]
}

export async function silverWorker(
  lake: Lake,
  exchange: Exchange,
  options: SingleWorkerOptions = {},
): Promise<SingleWorker> {
  const bronze = await lake.table(bronzeTable(exchange.name))
  const { events, parts } = await partsOf(lake, options)
  const opened = await openWorker(parts, silverTable(exchange.name), (context) =>
    silverStage(context, {
      exchange,
      bronze,
      registry: lake.registry,
      assignment: EVERY_LANE,
      rules: options.rules ?? SILVER_RULES,
      adopt: false,
    }),
  )
  return { ...opened, events }
}

export async function goldWorker(lake: Lake, options: SingleWorkerOptions = {}): Promise<SingleWorker> {
  const silvers = await Promise.all(lake.exchanges.map(({ name }) => lake.table(silverTable(name))))
  const { events, parts } = await partsOf(lake, options)
  const opened = await openWorker(parts, GOLD_TABLE, (context, gold) =>
    goldStage(context, { silvers, gold, keySet_bytes: 2 ** 20, adopt: false }),
  )
  return { ...opened, events }
}

/** A worker of candles for which more may always come. */
export async function candleWorker(lake: Lake): Promise<SingleWorker> {
  const gold = await lake.table(GOLD_TABLE)
  const { events, parts } = await partsOf(lake, {})
  const { exchanges, log } = lake
  const opened = await openWorker(parts, CANDLES_TABLE, (context, candles) =>
    candleStage(context, { gold, candles, log, exchanges, adopt: false }),
  )
  return { ...opened, events }
}

async function partsOf(
  lake: Lake,
  options: SingleWorkerOptions,
): Promise<{ readonly events: WorkerEvent[]; readonly parts: WorkerParts }> {
  const events: WorkerEvent[] = []
  const parts = {
    session: await (await lake.engine()).session(),
    clock: lake.clock,
    random: lake.random,
    limits: { ...DEFAULT_LIMITS, ...options.limits },
    interval_ms: 0,
    aligned: false,
    upstreamEnded: () => true,
    ...(options.handOver && { handOver: options.handOver, handsOver: true }),
    onEvent: (event: WorkerEvent) => {
      events.push(event)
      options.onEvent?.(event)
    },
    table: (definition: Parameters<Lake['table']>[0]) => lake.table(definition),
  }
  return { events, parts }
}

/** Runs one worker until nothing is left for it. */
export async function runAlone({ worker }: SingleWorker): Promise<void> {
  await worker.run(new AbortController().signal)
}
