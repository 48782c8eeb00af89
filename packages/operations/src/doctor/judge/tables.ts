import { VERSION } from '@assay/core'
import type { LaneProgress, StoppedLane, TableProblem } from '@assay/lake'
import { type Finding, failure, ok, warning } from './finding.js'
import { listed } from './words.js'

/** What a table's metadata tells. */
export interface TableFacts {
  readonly name: string
  readonly problem: TableProblem | null
  /** Columns of this version that the table lacks. */
  readonly lacks: readonly string[]
  /** Columns that this version does not know. */
  readonly unknown: readonly string[]
  /** By how much its newest commit is ahead of this clock. */
  readonly ahead_ms: number
  /** Where its metadata says that it lies, unless that is where it was found. */
  readonly movedFrom: string | null
  /** Versions of Assay, and names of other engines, that committed lately; '' for a version that did not say. */
  readonly writers: readonly { readonly engine: string; readonly version: string }[]
}

const AHEAD_MS_MAX = 60_000

export function judgeTables(tables: readonly TableFacts[]): readonly Finding[] {
  const found = [...tables.flatMap(problemsOf), ...movedOf(tables)]
  const lacking = tables.filter(({ lacks }) => lacks.length > 0)
  if (lacking.length > 0) {
    const what = lacking.map(({ name, lacks }) => `${name} (${listed(lacks)})`)
    found.push(ok('tables', `an earlier version made ${listed(what)}: these columns come with the next write`))
  }
  const richer = tables.filter(({ unknown }) => unknown.length > 0)
  if (richer.length > 0) {
    const what = richer.map(({ name, unknown }) => `${name} (${listed(unknown)})`)
    found.push(ok('tables', `columns that this version does not know, and keeps: ${listed(what)}`))
  }
  if (found.some(({ level }) => level !== 'ok')) return found
  return [
    ok('tables', tables.length === 0 ? 'none yet: workers make them' : `${tables.length} tables can be used`),
    ...found,
  ]
}

function problemsOf({ name, problem, ahead_ms }: TableFacts): Finding[] {
  if (problem) {
    const { code, message, hint } = problem
    return [
      failure('tables', `${name} can't be used: ${message}`, hint ?? 'see docs/errors.md for this code', { code }),
    ]
  }
  if (ahead_ms < AHEAD_MS_MAX) return []
  return [
    warning(
      'tables',
      `${name}: its newest commit is ${Math.round(ahead_ms / 1_000)} s ahead of this clock`,
      'check the clocks of all machines that write',
    ),
  ]
}

function movedOf(tables: readonly TableFacts[]): Finding[] {
  const moved = tables.find(({ movedFrom }) => movedFrom !== null)
  if (!moved) return []
  const found = `${moved.name} says that it lies in ${moved.movedFrom}: the lake was copied or moved, and nothing can be committed`
  return [failure('tables', found, 'stop what writes, then assay maintain --relocate', { code: 'table_moved' })]
}

/** Which versions of Assay, and which other engines, work on the tables. */
export function judgeWriters(tables: readonly TableFacts[]): readonly Finding[] {
  const writers = tables.flatMap((table) => table.writers)
  const versions = [...new Set(writers.filter(({ engine }) => engine === 'assay').map(({ version }) => version))].sort()
  const engines = [...new Set(writers.filter(({ engine }) => engine !== 'assay').map(({ engine }) => engine))].sort()
  const found: Finding[] = []
  const others = versions.filter((version) => version !== VERSION)
  if (others.length > 0) {
    const told = others.map((version) => version || 'one that does not say which')
    const means = others.includes('') ? ': such a version drops columns that it does not know when it compacts' : ''
    found.push(
      warning(
        'versions',
        `this is ${VERSION}, and within the last day the tables were written by ${listed(told)}${means}`,
        'let all services run the same version',
      ),
    )
  } else found.push(ok('versions', versions.length === 0 ? `${VERSION}; no commit within the last day` : VERSION))
  if (engines.length > 0) found.push(ok('versions', `other engines committed within the last day: ${listed(engines)}`))
  return found
}

export function judgePause(isPaused: boolean | undefined): Finding {
  if (isPaused === undefined) return ok('pause', 'none is needed with this catalog')
  if (!isPaused) return ok('pause', 'commits are not paused')
  return warning(
    'pause',
    'commits are paused for another engine: all workers wait',
    'when it is done: assay maintain --resume',
  )
}

/** A lane that nobody works on: it has rows to take, and took none for so long. */
const STANDING_MS = 10 * 60_000

export function judgeLanes(
  lanes: readonly LaneProgress[],
  stops: readonly StoppedLane[],
  now_ms: number,
): readonly Finding[] {
  const found = stops.map(({ lane, reason, from, to, next_step }) =>
    failure('lanes', `${lane} stands still: ${reason.replaceAll('_', ' ')}, offsets ${from} to ${to}`, next_step, {
      code: reason,
    }),
  )
  const stopped = new Set<string>(stops.map(({ lane }) => lane))
  const idle = lanes.filter(
    ({ lane, lag_rows, last_commit_ms }) =>
      !stopped.has(lane) && lag_rows > 0n && now_ms - (last_commit_ms ?? Number.NEGATIVE_INFINITY) > STANDING_MS,
  )
  for (const layer of new Set(idle.map((lane) => lane.layer))) {
    const own = idle.filter((lane) => lane.layer === layer)
    const rows = own.reduce((sum, { lag_rows }) => sum + lag_rows, 0n)
    const found_ = `${layer}: ${rows} rows wait in ${listed(own.map(({ lane }) => lane))}, and nothing was committed for ten minutes`
    found.push(warning('lanes', found_, `start its worker (assay up, or the service ${layer}), or look at its /readyz`))
  }
  if (found.length > 0) return found
  return [ok('lanes', lanes.length === 0 ? 'nothing was read yet' : `${lanes.length} lanes, none stands still`)]
}
