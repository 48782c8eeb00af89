import { AssayError, type Clock } from '@assay/core'
import { LiveLines } from '../print/live-lines.js'
import { timeOfDay } from '../print/numbers.js'
import { visible } from '../print/table.js'
import { ExitCode } from '../run/exit-code.js'
import { type Io, write } from '../run/io.js'
import { untilAborted } from '../run/stopped.js'

/** What is watched. */
interface Watched<T> {
  /** Throws while a part is away; is asked again all the same. */
  look(): Promise<T>
  /** As people read it, within so many characters a line. */
  text(seen: T, width: number): string
  /** For one line of JSON. */
  json(seen: T): object
}

interface WatchOptions {
  readonly json: boolean
  readonly every_ms: number
  readonly clock: Clock
}

type WatchIo = Pick<Io, 'stdout' | 'stdoutIsTerminal' | 'stdoutWidth' | 'stdoutHeight' | 'signal'>

interface Frame<T> {
  readonly at_ms: number
  /** What was seen last. */
  readonly seen: T | undefined
  readonly outage: { readonly error: AssayError; readonly since_ms: number } | undefined
}

/**
 * Shows anew what is watched until the signal comes: in place on a terminal, every few seconds as a block otherwise, as one
 * JSON value a line with `json`. An outage is shown with the time since which it lasts, above what was seen before it.
 */
export async function watch<T>(watched: Watched<T>, io: WatchIo, options: WatchOptions): Promise<ExitCode> {
  const { clock, json, every_ms } = options
  const screen = new LiveLines(io.stdout, io.stdoutIsTerminal, clock)
  let seen: T | undefined
  let outage: Frame<T>['outage']
  while (!io.signal.aborted) {
    try {
      seen = await untilAborted(watched.look(), io.signal)
      outage = undefined
    } catch (error) {
      // What comes of a look that was broken off is of no interest.
      if (io.signal.aborted) break
      // What is wrong from the start does not come right by being watched.
      if (!(error instanceof AssayError) || !(error.retryable || seen !== undefined)) throw error
      outage = { error, since_ms: outage?.since_ms ?? clock.now_ms() }
    }
    const frame = { at_ms: clock.now_ms(), seen, outage }
    if (json) await write(io.stdout, `${JSON.stringify(frameJson(watched, frame), exact)}\n`)
    else screen.update(fitted(frameLines(watched, frame, io.stdoutWidth), io))
    await clock.sleep(every_ms, io.signal)
  }
  return ExitCode.done
}

/** Integers of 64 bits are numbers where a double holds them, else texts. */
function exact(_key: string, value: unknown): unknown {
  if (typeof value !== 'bigint') return value
  return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString()
}

function frameJson<T>(watched: Watched<T>, { at_ms, seen, outage }: Frame<T>): object {
  const at = new Date(at_ms).toISOString()
  if (!outage) return { at, ...(seen !== undefined && watched.json(seen)) }
  const { code, message, hint = null } = outage.error
  return { at, waiting: { since: new Date(outage.since_ms).toISOString(), code, message, hint } }
}

function frameLines<T>(watched: Watched<T>, { at_ms, seen, outage }: Frame<T>, width: number): string[] {
  const lines = seen === undefined ? [] : watched.text(seen, width).trimEnd().split('\n')
  if (!outage) return [timeOfDay(at_ms), ...lines]
  const { code, message, hint } = outage.error
  const wait = [
    `waiting since ${timeOfDay(outage.since_ms)}: ${visible(message)} [${code}]`,
    ...(hint ? [`  ${visible(hint)}`] : []),
  ]
  return [timeOfDay(at_ms), ...wait, ...(lines.length > 0 ? ['as it was before:', ...lines] : [])]
}

/** What a terminal can show without scrolling, since it is drawn over; a block with a blank line behind it elsewhere. */
function fitted(lines: readonly string[], { stdoutIsTerminal, stdoutWidth, stdoutHeight }: WatchIo): string[] {
  if (!stdoutIsTerminal) return [...lines, '']
  const cut = lines.map((line) =>
    line.length > stdoutWidth ? `${line.slice(0, Math.max(0, stdoutWidth - 1))}…` : line,
  )
  // The cursor stands on a line of its own.
  const most = Math.max(1, stdoutHeight - 1)
  if (cut.length <= most) return cut
  return [...cut.slice(0, most - 1), `… ${cut.length - most + 1} more lines`.slice(0, stdoutWidth)]
}
