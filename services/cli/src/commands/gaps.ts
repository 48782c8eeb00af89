import { type LaneKey, laneKey, parseLaneKey, position, UsageError } from '@assay/core'
import { type Lake, logTopicOf, statusReport } from '@assay/lake'
import { acceptGap, bronzeTable, GAPS_TABLE } from '@assay/medallion'
import { openQuery } from '@assay/query'
import type { Command } from 'commander'
import { globalOptions } from '../parse/global-options.js'
import { OptionReader } from '../parse/options.js'
import { COUNTS } from '../parse/ranges.js'
import { jsonText } from '../print/json.js'
import { resultJson, resultTable } from '../print/result.js'
import { ExitCode } from '../run/exit-code.js'
import { type Io, write } from '../run/io.js'
import type { Accept } from '../run/job.js'
import { withExistingLake } from '../run/with-lake.js'
import { stopsText } from './status.js'

const LEDGER = `SELECT source, topic, "partition", from_offset, to_offset, found_at, accepted_at, note
  FROM gaps ORDER BY ALL`
const LEDGER_ROWS_MAX = 10_000
const LEDGER_TIMEOUT_MS = 60_000

export function addGaps(program: Command, accept: Accept): void {
  const gaps = program
    .command('gaps')
    .summary('ranges that the log lost before they were read; let a stopped lane go on')
    .description(
      'Lists the ledger of lost ranges, and the lanes that stopped because of one. A lane that finds records gone ' +
        'stops rather than skip them in silence; "assay gaps accept" is your word that it may go on.',
    )
    .addHelpText('after', '\nExample:\n  assay gaps')
    .action((_options: unknown, command: Command) => {
      const reader = new OptionReader()
      const { lake: place, json } = globalOptions(command, reader)
      accept(reader.mistakes, (io) => withExistingLake(place, (lake) => listGaps(lake, json, io)))
    })
  addAccept(gaps, accept)
}

async function listGaps(lake: Lake, json: boolean, io: Io): Promise<ExitCode> {
  const query = await openQuery(lake, { maxRows: LEDGER_ROWS_MAX, timeout_ms: LEDGER_TIMEOUT_MS })
  try {
    const ledger = await query.run(LEDGER)
    const { stops } = await statusReport(lake)
    if (json) await write(io.stdout, jsonText({ ledger: resultJson(ledger), stopped: stops }))
    else {
      const listed = ledger.rows.length === 0 ? 'No gap has been found.\n' : resultTable(ledger)
      await write(io.stdout, `${listed}${stopsText(stops)}`)
    }
    return ExitCode.done
  } finally {
    await query.close()
  }
}

interface AcceptOptions {
  readonly to?: string
  readonly note?: string
}

function addAccept(gaps: Command, accept: Accept): void {
  gaps
    .command('accept')
    .summary('let a stopped lane go on')
    .description(
      'Lets a stopped lane go on at an offset, and writes so in the ledger. "assay status" tells the lane and the ' +
        'offset. Where the topic was deleted and made again, or cut, the lane goes on under a new name (topic@2). ' +
        'Where acknowledged records are damaged at the end of a log of our own, its producers go on behind them, too.',
    )
    .argument('<lane>', 'topic/partition')
    .option('--to <offset>', 'the next offset to read (required)')
    .option('--note <text>', 'why; kept in the ledger (required)')
    .addHelpText(
      'after',
      '\nExample:\n  assay gaps accept market.crypto.trades.binance.raw/0 --to 1200 --note "retention was too short"',
    )
    .action((lane: string, options: AcceptOptions, command: Command) => {
      const reader = new OptionReader()
      const { lake: place, json } = globalOptions(command, reader)
      const { note } = options
      reader.required('to', options.to)
      reader.required('note', note)
      const parsed = reader.parsed(lane, parseLaneKey)
      const to = reader.integer('to', options.to, COUNTS)
      if (note?.trim() === '') reader.mistakes.push('--note takes a text that says why')
      accept(reader.mistakes, (io) => {
        if (!parsed || to === undefined || note === undefined) {
          throw new RangeError('a command line without a lane, an offset or a note was accepted')
        }
        return withExistingLake(place, async (lake) => {
          const accepted = await acceptIn(lake, laneKey(parsed), to, note)
          const text = `accepted: ${accepted.lane} goes on at ${accepted.to}\n`
          await write(io.stdout, json ? jsonText(accepted) : text)
          return ExitCode.done
        })
      })
    })
}

async function acceptIn(lake: Lake, lane: LaneKey, to: number, note: string) {
  for (const exchange of lake.exchanges) {
    const definition = bronzeTable(exchange.name)
    if (!(await lake.catalog.load(definition.name))) continue
    const main = await lake.table(definition)
    const { checkpoint } = await main.pin()
    const logTopic = logTopicOf(lane, checkpoint)
    if (!checkpoint.lanes.has(lane) && logTopic !== exchange.topic) continue
    const status = (await lake.log.lanes(logTopic))[parseLaneKey(lane).partition]
    if (!status) break
    const { lost } = status
    const damage = lost && to >= lost.to ? lost : undefined
    // Before the ledger: cut short in between, the same command goes on from here.
    if (damage) await lake.log.goPastDamage?.(status.lane, position(to))
    const session = await (await lake.engine()).session()
    const gaps = await lake.table(GAPS_TABLE)
    const { clock } = lake
    const { topicId } = status
    return acceptGap({ main, gaps, session, clock, lane, to: position(to), note, topicId, ...(damage && { damage }) })
  }
  throw new UsageError('unknown_lane', `no bronze table reads a lane ${lane} that the log has`, {
    hint: 'assay status lists the lanes',
  })
}
