import { systemClock, systemRandom, VERSION } from '@assay/core'
import { type Examination, examine, type Finding, type Verdict } from '@assay/operations'
import type { Command } from 'commander'
import { lakeAsGiven } from '../../parse/global-options.js'
import { OptionReader } from '../../parse/options.js'
import { jsonText } from '../../print/json.js'
import { visible } from '../../print/table.js'
import { ExitCode } from '../../run/exit-code.js'
import { write } from '../../run/io.js'
import type { Accept } from '../../run/job.js'
import { untilAborted } from '../../run/stopped.js'
import { wrapText } from '../../run/wrap.js'

const EXITS: Readonly<Record<Verdict, ExitCode>> = {
  fine: ExitCode.done,
  wrong: ExitCode.found_wrong,
  settings: ExitCode.usage,
  outage: ExitCode.outage,
}

export function addDoctor(program: Command, accept: Accept): void {
  program
    .command('doctor')
    .summary('look at the machine and all that the settings point at; say what to mend')
    .description(
      'Looks at Node, the engine, memory, disks, clock, settings, the place of the lake and the rights to it, catalog, ' +
        'log, registry, tables, lanes and what killed commands left; one line a finding, with what to do. Changes ' +
        'nothing: rights to write are tried on a small object that is removed again. No check takes longer than 15 ' +
        'seconds, and no secret is shown. Exits 0 when all is fine or worth a warning, 1 when something is wrong, 2 when ' +
        'the settings are, 3 when nothing is but a part that is away.',
    )
    .addHelpText('after', '\nExamples:\n  assay doctor\n  assay doctor --lake s3://trades/lake --json')
    .action((_options: unknown, command: Command) => {
      const reader = new OptionReader()
      const { location, json, env } = lakeAsGiven(command, reader)
      accept(reader.mistakes, async (io) => {
        const request = { env, location, clock: systemClock, random: systemRandom, signal: io.signal }
        const examination = await untilAborted(examine(request), io.signal)
        await write(io.stdout, json ? doctorJson(location, examination) : doctorText(examination, io.stdoutWidth))
        return EXITS[examination.verdict]
      })
    })
}

const LEVEL_WIDTH = 'warning'.length
const CHECK_WIDTH = 'lake rights'.length

function doctorText({ findings, verdict }: Examination, width: number): string {
  const count = (level: Finding['level']): number => findings.filter((finding) => finding.level === level).length
  const end = {
    fine: count('warning') === 0 ? 'Nothing is wrong.' : `Nothing is wrong; ${times(count('warning'), 'warning')}.`,
    wrong: `${times(count('failure'), 'failure')}: mend what is named above.`,
    settings: 'The settings are wrong: mend these first.',
    outage: `${times(count('failure'), 'failure')}: what is named above can't be reached.`,
  }
  return `${findings.map((finding) => linesOf(finding, width)).join('')}${wrapText(end[verdict], width)}\n`
}

function times(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`
}

function linesOf({ check, level, found, next, code }: Finding, width: number): string {
  const line = `${level.padEnd(LEVEL_WIDTH)}  ${check.padEnd(CHECK_WIDTH)}  ${visible(found)}${code === null ? '' : ` [${code}]`}`
  const told = `${wrapText(line, width, LEVEL_WIDTH + CHECK_WIDTH + 4)}\n`
  return next === null ? told : `${told}${wrapText(`${' '.repeat(LEVEL_WIDTH + 2)}next: ${visible(next)}`, width)}\n`
}

function doctorJson(lake: string, { findings, size, verdict }: Examination): string {
  return jsonText({ lake, version: VERSION, verdict, findings, size: size ?? null })
}
