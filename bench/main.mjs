// The benchmark suite: what it measures is told in bench/README.md.
import { mkdir, writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { machine } from './lib/measure.mjs'
import { printResults } from './lib/print.mjs'
import { measureFreshness } from './parts/freshness.mjs'
import { measureHour } from './parts/hour.mjs'
import { measureKafka } from './parts/kafka.mjs'
import { measureThroughput } from './parts/throughput.mjs'

/** `kafka` only where it is asked for: it starts a broker, which needs Java and Maven. */
const PARTS = ['throughput', 'freshness', 'hour', 'kafka']

function options() {
  const { values } = parseArgs({
    options: {
      count: { type: 'string', default: '1000000' },
      backlog: { type: 'string' },
      rate: { type: 'string', default: '1000' },
      seconds: { type: 'string', default: '30' },
      commits: { type: 'string', default: '3600' },
      threads: { type: 'string', default: '1' },
      only: { type: 'string', multiple: true, default: PARTS.filter((part) => part !== 'kafka') },
    },
  })
  const mistakes = []
  const whole = (name, least) => {
    const value = Number(values[name])
    if (!/^\d+$/.test(values[name]) || value < least) mistakes.push(`--${name} must be a whole number from ${least} on`)
    return value
  }
  for (const part of values.only) if (!PARTS.includes(part)) mistakes.push(`--only takes ${PARTS.join(', ')}`)
  const read = {
    only: values.only,
    count: whole('count', 1000),
    backlog: values.backlog === undefined ? undefined : whole('backlog', 1000),
    rate: whole('rate', 50),
    seconds: whole('seconds', 1),
    commits: whole('commits', 100),
    threads: whole('threads', 1),
  }
  if (mistakes.length > 0) throw new TypeError(mistakes.join('; '))
  return read
}

function say(text) {
  process.stderr.write(`${text}\n`)
}

async function run({ only, count, backlog, rate, seconds, commits, threads }) {
  const results = { date: new Date().toISOString(), machine: machine() }
  if (only.includes('throughput')) {
    results.throughput = await measureThroughput({ count, threads, perLayer: true }, say)
    if (backlog !== undefined)
      results.backlog = await measureThroughput({ count: backlog, threads, perLayer: false }, say)
  }
  if (only.includes('freshness')) results.freshness = await measureFreshness({ rate, seconds, threads }, say)
  if (only.includes('hour')) results.hour = await measureHour({ commits, threads }, say)
  if (only.includes('kafka')) results.kafka = await measureKafka({ count, rate, seconds, threads }, say)
  return results
}

let asked
try {
  asked = options()
} catch (error) {
  say(error instanceof Error ? error.message : String(error))
  process.exit(2)
}
const results = await run(asked)
printResults(results)
const folder = new URL('results/', import.meta.url)
await mkdir(folder, { recursive: true })
const file = new URL(`${results.date.replaceAll(':', '-').slice(0, 19)}.json`, folder)
await writeFile(file, `${JSON.stringify(results, null, 2)}\n`)
say(`written to bench/results/${file.pathname.split('/').at(-1)}`)
