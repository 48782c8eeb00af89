import { UsageError } from '@assay/core'
import type { TemporaryTable } from '@assay/engine'
import { commit } from '@assay/iceberg'
import type { LakeTable, StageContext } from '@assay/pipeline'
import { scanSql } from '@assay/pipeline'
import {
  closedDeadLettersSql,
  DEAD_LETTER,
  type DeadLetterFilter,
  filterKeeps,
  filterSql,
} from '../silver/dead-letter-filter.js'
import { RESOLUTIONS_TABLE } from '../silver/dead-letter-tables.js'
import { writeResolutions } from './replay-ledger.js'
import { coordinateText, type DeadLetterCoordinates, loadCoordinates } from './select-dead-letters.js'

export interface ResolveOptions {
  readonly context: Pick<StageContext, 'session' | 'clock' | 'write'>
  /** The queue of dead letters, or its archive. */
  readonly deadLetters: LakeTable
  readonly resolutions: LakeTable
  /** Dead letters by their coordinates, or all that a filter takes. */
  readonly which: { readonly coordinates: readonly DeadLetterCoordinates[] } | { readonly filter: DeadLetterFilter }
  readonly resolution: 'purged' | 'reopened'
  readonly note: string
}

const NAMED_MAX = 20

/**
 * An operator's word on dead letters: `purged` closes open ones, `reopened` opens those that were purged by hand.
 * Returns how many. A replayed dead letter can't be reopened: its row is in silver. Throws `letters_not_found`, having
 * written nothing, when one that was named is not there or not in the state for it.
 */
export async function resolveDeadLetters(options: ResolveOptions): Promise<number> {
  const { context, deadLetters, resolutions, which, resolution, note } = options
  const { session, clock, write } = context
  const filter = 'filter' in which ? which.filter : {}
  const files = await deadLetters.files(await deadLetters.pin(), {
    keepPartition: (values) => filterKeeps(filter, values),
  })
  const ledger = scanSql(RESOLUTIONS_TABLE, await resolutions.files(await resolutions.pin()))
  const closed = closedDeadLettersSql(`(${ledger})`)
  const inState =
    resolution === 'purged'
      ? `ANTI JOIN (${closed}) USING (${DEAD_LETTER})`
      : `SEMI JOIN (${closed}) USING (${DEAD_LETTER})
         ANTI JOIN (SELECT ${DEAD_LETTER} FROM (${ledger}) WHERE resolution = 'replayed') USING (${DEAD_LETTER})`
  const named =
    'coordinates' in which
      ? {
          count: which.coordinates.length,
          table: await loadCoordinates(session, 'resolve_coordinates', which.coordinates),
        }
      : undefined
  const chosen = await session.createTable(
    'resolve_letters',
    `SELECT DISTINCT ${DEAD_LETTER}
    FROM (SELECT * FROM (${scanSql(deadLetters.definition, files)}) WHERE ${filterSql(filter)})
    ${named ? `SEMI JOIN ${named.table.name} USING (${DEAD_LETTER})` : ''} ${inState}`,
  )
  if (named) await checkAllFound(options, named, chosen)
  const [found] = await session.rows(`SELECT count(*) AS n, (SELECT max(resolved_at) FROM (${ledger})
    SEMI JOIN ${chosen.name} USING (${DEAD_LETTER})) AS last FROM ${chosen.name}`)
  if (Number(found?.n) === 0) return 0
  // After whatever was said of them before, even by a clock that is ahead of ours.
  const last_ms = typeof found?.last === 'bigint' ? Number(found.last / 1000n) + 1 : 0
  const at_ms = Math.max(clock.now_ms(), last_ms)
  const sides = await writeResolutions({ write }, `FROM ${chosen.name}`, { resolution, at_ms, note })
  await commit(resolutions.table, {
    prepare: () => ({
      kind: 'proceed',
      change: { operation: 'append', addFiles: sides.flatMap((side) => side.files) },
    }),
  })
  return Number(found?.n)
}

async function checkAllFound(
  { context, deadLetters, resolution }: ResolveOptions,
  named: { readonly count: number; readonly table: TemporaryTable },
  chosen: TemporaryTable,
): Promise<void> {
  const missing = await context.session.rows(
    `SELECT ${DEAD_LETTER} FROM ${named.table.name} ANTI JOIN ${chosen.name} USING (${DEAD_LETTER}) ORDER BY ALL LIMIT ${NAMED_MAX}`,
  )
  if (missing.length === 0) return
  const names = missing.map(({ topic, partition, kafka_offset }) =>
    coordinateText({ topic: String(topic), partition: Number(partition), offset: kafka_offset as bigint }),
  )
  const state = resolution === 'purged' ? 'open' : 'purged by hand'
  throw new UsageError(
    'letters_not_found',
    `of ${named.count} dead letters, these are not ${state} in ${deadLetters.definition.name}: ${names.join(', ')}`,
    {
      hint: 'nothing was written; assay dlq show tells what became of a dead letter',
    },
  )
}
