import { type Logger, pino } from 'pino'
import pretty from 'pino-pretty'
import type { Io } from '../run/io.js'
import { wrapText } from '../run/wrap.js'
import type { LiveLines } from './live-lines.js'

/** A logger for people, on standard error; `live` are lines that share the terminal with it. */
export function openLog(io: Io, live: LiveLines): Logger {
  const prettify = pretty.prettyFactory({
    colorize: io.stderrIsTerminal,
    ignore: 'pid,hostname',
    translateTime: 'SYS:HH:MM:ss',
    singleLine: true,
  })
  return pino(
    { level: 'info', base: null },
    {
      write: (line) => live.above(() => void io.stderr.write(wrapText(prettify(line) ?? line, io.stderrWidth))),
    },
  )
}
