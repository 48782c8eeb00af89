import { figuresOf } from './figures.mjs'
import { round } from './measure.mjs'

/** Others may have kept so many processors busy before wall times say nothing. */
const OTHERS_CORES_MAX = 0.2

/** Prints the figures of parts, one a line, beside those of earlier results where there are any, and their ratio. */
export function printFigures(parts, before) {
  const earlier = new Map(before ? figuresOf(before) : [])
  const rows = figuresOf(parts).map(([name, value]) => {
    const was = earlier.get(name)
    const against = was === undefined ? [] : [shown(was), was === 0 ? '' : `× ${round(value / was)}`]
    return [name, shown(value), ...against]
  })
  const header = ['', 'now', ...(before ? ['before', 'ratio'] : [])]
  const widths = [0, 1, 2, 3].map((i) => Math.max(0, ...[header, ...rows].map((row) => row[i]?.length ?? 0)))
  for (const row of [header, ...rows]) {
    const cells = row.map((cell, i) => (i === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[i])))
    process.stdout.write(`${cells.join('  ').trimEnd()}\n`)
  }
}

/** What to think of wall times, by what else the machine did. */
export function loadNotice(machine, parts) {
  const others = figuresOf(parts).filter(([name]) => name.endsWith('others_cores'))
  const most = Math.max(0, ...others.map(([, cores]) => cores))
  const load = `load average ${round(machine.load_average)} on ${machine.processors} processors when it began`
  if (most <= OTHERS_CORES_MAX) return `${load}; others kept at most ${most} processors busy while it measured`
  return `${load}; others kept up to ${most} processors busy: wall times, rates, freshness and delays are worth nothing, and CPU times may be twice as long as on a machine that does nothing else: trust ratios of repositories measured in turn`
}

function shown(value) {
  return Number.isInteger(value) ? value.toLocaleString('en-US') : String(value)
}
