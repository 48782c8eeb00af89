import { systemClock } from '@assay/core'
import { type TableReport, tableReport } from '@assay/lake'
import type { Command } from 'commander'
import { globalOptions } from '../parse/global-options.js'
import { OptionReader } from '../parse/options.js'
import { jsonText } from '../print/json.js'
import { ago, count, instant, instantOfMicros, size } from '../print/numbers.js'
import { problemJson, problemsText } from '../print/problems.js'
import { laneTable, type PrintedColumn } from '../print/table.js'
import { ExitCode } from '../run/exit-code.js'
import { write } from '../run/io.js'
import type { Accept } from '../run/job.js'
import { withLakeToLookAt } from '../run/with-lake.js'
import { wrapText } from '../run/wrap.js'

export function addTables(program: Command, accept: Accept): void {
  program
    .command('tables')
    .summary('list the tables: rows, files, bytes, snapshot, checkpoint')
    .description(
      'Lists every table of the lake with its rows, files, bytes, newest snapshot and checkpoint ' +
        '(how far it has come in each lane). Reads metadata only, so it is quick at any size. Exits 1 when a table ' +
        "can't be used as it is; says why, and the way back.",
    )
    .addHelpText('after', '\nExample:\n  assay tables --lake ./lake')
    .action((_options: unknown, command: Command) => {
      const reader = new OptionReader()
      const { lake: location, json } = globalOptions(command, reader)
      accept(reader.mistakes, (io) =>
        withLakeToLookAt(location, io, async (lake) => {
          const tables = await tableReport(lake)
          await write(io.stdout, json ? tablesJson(lake.location, tables) : tablesText(tables, io.stdoutWidth))
          return tables.some(({ problem }) => problem) ? ExitCode.found_wrong : ExitCode.done
        }),
      )
    })
}

export function tablesText(tables: readonly TableReport[], width: number, now_ms = systemClock.now_ms()): string {
  const columns: readonly PrintedColumn[] = [
    { head: 'table' },
    { head: 'rows', align: 'right' },
    { head: 'files', align: 'right' },
    { head: 'size', align: 'right', isWhole: true },
    { head: 'snapshot', dropped: 1 },
    { head: 'last commit', isWhole: true },
    { head: 'checkpoint', dropped: 0 },
  ]
  const rowsBy = (name: (lane: string) => string): string[][] =>
    tables.map((table) => [
      table.name,
      table.problem ? '' : count(table.rows),
      table.problem ? '' : count(table.files),
      table.problem ? '' : size(table.size_bytes),
      table.snapshot_id === null ? '' : String(table.snapshot_id),
      table.last_commit_ms === null ? '' : ago(table.last_commit_ms, now_ms),
      table.problem ? 'unusable' : checkpointText(table, name),
    ])
  const lanes = tables.flatMap((table) => table.lanes.slice(0, 1).map(({ lane }) => lane))
  const list = laneTable(columns, lanes, rowsBy, width)
  return `${list}${wrapText(problemsText(tables.flatMap(({ problem }) => problem ?? [])), width)}`
}

function checkpointText({ lanes }: TableReport, name: (lane: string) => string): string {
  const [first, ...more] = lanes
  if (!first) return ''
  const stopped = lanes.filter((lane) => lane.is_stopped).length
  const end = `${name(first.lane)} at ${count(first.position)}`
  return `${end}${more.length > 0 ? ` and ${more.length} more` : ''}${stopped > 0 ? `, ${stopped} stopped` : ''}`
}

/** The tables as one JSON value; ids are texts. */
export function tablesJson(lake: string, tables: readonly TableReport[]): string {
  return jsonText({
    lake,
    tables: tables.map((table) => ({
      name: table.name,
      rows: table.problem ? null : table.rows,
      files: table.problem ? null : table.files,
      bytes: table.problem ? null : table.size_bytes,
      snapshot: table.snapshot_id === null ? null : String(table.snapshot_id),
      snapshots: table.snapshots,
      last_commit: table.last_commit_ms === null ? null : instant(table.last_commit_ms),
      checkpoint: table.lanes.map(({ lane, position, watermark_us, is_stopped }) => ({
        lane,
        position,
        watermark: watermark_us === null ? null : instantOfMicros(watermark_us, 'Z'),
        stopped: is_stopped,
      })),
      ...(table.problem && { problem: problemJson(table.problem) }),
    })),
  })
}
