import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { seededRandom } from '@assay/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type SignalledEnd, signalled } from './support/signalled-run.js'

/** Double signals for each command; ASSAY_TEST_SIGNALS=200 for many, on a lake of ten times the rows. */
const TIMES = Number(process.env.ASSAY_TEST_SIGNALS ?? 1)
const SEED = Number(process.env.ASSAY_TEST_SIGNALS_SEED ?? 28)
/** Commands to test, separated by commas. */
const ONLY = process.env.ASSAY_TEST_SIGNALS_ONLY?.split(',')
/** The promise is a second; a busy machine is given more before it is called a hang. */
const GONE_MS_MAX = Number(process.env.ASSAY_TEST_SIGNALS_MS ?? 20_000)
/** Longest time that an orderly end may take. */
const ORDERLY_MS_MAX = 30_000
const ROWS = TIMES > 10 ? 200_000 : 20_000
const START_MS_MAX = TIMES > 10 ? 6_000 : 4_000
const GAP_MS_MAX = 100
/** Runs at a time: more than processors, so that moments are as random as they are on a busy machine. */
const LANES = 3
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

const root = fileURLToPath(new URL('../../', import.meta.url))
const CLI = join(root, 'services/cli/bin/assay.js')
const TRADES = join(root, 'packages/exchanges/src/binance/samples/binance-btcusdt-trades.jsonl')
const service = (name: string) => ({ args: () => [join(root, `services/${name}/dist/main.js`)], codes: [0] })

let folder: string
let lake: string
/** A name that begins with ASSAY_ and is no setting is refused. */
const ENV = { PATH: process.env.PATH ?? '' }
const node = (...args: string[]) => promisify(execFile)(process.execPath, args, { env: ENV })
const assay = (...args: string[]) => node(CLI, ...args, '--lake', lake)
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assay-signals-'))
  lake = join(folder, 'lake')
  for (const exchange of ['binance', 'kraken']) {
    await assay('simulate', '--exchange', exchange, '--count', String(ROWS), '--invalid', '0.05')
  }
  await assay('up', '--drain')
  await writeFile(rules(), (await node(CLI, 'rules', 'list', '--json')).stdout)
})
afterAll(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
const rules = () => join(folder, 'rules.json')

interface Command {
  readonly args: () => readonly string[]
  /** What it may exit with, if no signal ends it: 130 when it was stopped without a result, or while it was loaded. */
  readonly codes: readonly number[]
}

const command = (codes: readonly number[], ...args: string[]): Command => ({
  args: () => [CLI, ...args, '--lake', lake],
  codes,
})
const simulate = ['simulate', '--exchange', 'kraken', '--count', '20000', '--rate', '2000']
const COMMANDS: Readonly<Record<string, Command>> = {
  up: command([0, 130], 'up'),
  'up --drain': command([0, 130], 'up', '--drain'),
  sql: command([0, 130], 'sql', 'SELECT count(*) FROM gold_crypto_trades a, gold_crypto_trades b'),
  'sql export': command([0, 130], 'sql', 'FROM gold_crypto_trades', '--format', 'csv'),
  verify: command([0, 130], 'verify'),
  'verify --from-log': command([0, 130], 'verify', '--from-log'),
  simulate: command([0, 1, 130], ...simulate),
  load: command([0, 1, 130], 'load', TRADES, '--exchange', 'binance', '--rate', '500'),
  'load -': command([0, 1, 130], 'load', '-', '--exchange', 'binance'),
  maintain: command([0, 130], 'maintain', '--compact', '--expire', '--orphans', '--retention'),
  rebuild: {
    args: () => [CLI, 'rebuild', '--compare', '--into', join(folder, `rebuilt-${performance.now()}`), '--lake', lake],
    codes: [0, 1, 130],
  },
  replay: command([0, 1, 130], 'replay', '--target-table', 'silver_binance_trades'),
  tables: command([0, 130], 'tables'),
  status: command([0, 130], 'status'),
  trace: command([0, 1, 130], 'trace', 'BINANCE-3941'),
  dlq: command([0, 130], 'dlq', '--by', 'hour'),
  'dlq show': command([0, 2, 130], 'dlq', 'show', 'market.crypto.trades.binance.raw/0/1200'),
  gaps: command([0, 130], 'gaps'),
  'rules list': command([0, 130], 'rules', 'list'),
  'rules test': { args: () => [CLI, 'rules', 'test', rules(), '--lake', lake], codes: [0, 130] },
  feed: service('feed'),
  bronze: service('bronze'),
  silver: service('silver'),
  gold: service('gold'),
}
const names = Object.keys(COMMANDS).filter((name) => !ONLY || ONLY.includes(name))

const random = seededRandom(SEED)
const pick = () => SIGNALS[Math.floor(random.unit() * SIGNALS.length)] ?? 'SIGINT'

interface Ended extends SignalledEnd {
  readonly name: string
  readonly signals: readonly { readonly at_ms: number; readonly name: NodeJS.Signals }[]
  readonly load: number
}

/** Runs the command under so many signals; the first moments of a process are as likely as all the later ones. */
async function run(name: string, count: 1 | 2, gone_ms_max: number): Promise<Ended> {
  const { args } = COMMANDS[name] as Command
  const start_ms = random.unit() ** 2 * START_MS_MAX
  const signals = [
    { at_ms: start_ms, name: pick() },
    { at_ms: start_ms + random.unit() * GAP_MS_MAX, name: pick() },
  ].slice(0, count)
  const env = { ...ENV, ASSAY_LAKE: lake, ASSAY_HTTP_PORT: '0' }
  const ended = await signalled({ args: args(), env, signals, gone_ms_max })
  return { name, signals, load: loadavg()[0] ?? 0, ...ended }
}

async function runAll(count: 1 | 2, times: number, gone_ms_max: number): Promise<Ended[]> {
  const due = Array.from({ length: times }, () => names).flat()
  const ended: Ended[] = []
  const lane = async (): Promise<void> => {
    for (let name = due.shift(); name !== undefined; name = due.shift()) {
      ended.push(await run(name, count, gone_ms_max))
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  return ended
}

/** What no user should see of an end that was asked for. */
const GARBAGE = /^\s+at .+:\d+|defect of Assay|\(node:\d+\)|FAILED|Unhandled|terminate called/m

/** Why the end of the process is not as promised; undefined if it is. */
function wrongOf({ name, signals, end, output }: Ended): string | undefined {
  if (end === 'hung') return 'hung'
  const isBySignal = signals.some((signal) => signal.name === end)
  // A thread that nothing can stop is killed when it keeps a process from an end in order.
  if (!isBySignal && end !== 'SIGKILL' && !(COMMANDS[name] as Command).codes.includes(end as number)) return 'exit code'
  // Without a terminal, nothing is printed that only a terminal understands.
  return GARBAGE.exec(output)?.[0] ?? (output.includes('\u001b') ? 'an escape code' : undefined)
}

function report(ended: readonly Ended[]): void {
  for (const name of names) {
    const own = ended.filter((one) => one.name === name)
    const times = own.map(({ after_ms }) => Math.round(after_ms)).sort((a, b) => a - b)
    const ends: Record<string, number> = {}
    for (const { end } of own) ends[end] = (ends[end] ?? 0) + 1
    console.log(
      `${name}: ${own.length} × min ${times[0]} median ${times[times.length >> 1]} max ${times.at(-1)} ms,`,
      `load ${Math.max(...own.map(({ load }) => load)).toFixed(0)}, ends ${JSON.stringify(ends)}`,
    )
  }
  const late = ended.filter(({ after_ms, signals }) => signals.length > 1 && after_ms > 1_000)
  for (const { output: _output, ...one } of late) console.log('late', JSON.stringify(one))
}

describe(`A11: T28: signals at random moments (ASSAY_TEST_SIGNALS_SEED=${SEED})`, () => {
  it('two end every command and service soon after the second', { timeout: TIMES * 300_000 }, async () => {
    const ended = await runAll(2, TIMES, GONE_MS_MAX)
    report(ended)
    expect(ended.flatMap((one) => (wrongOf(one) === undefined ? [] : [{ why: wrongOf(one), ...one }]))).toEqual([])
  })

  it('one ends every command and service in order', { timeout: TIMES * 600_000 }, async () => {
    const ended = await runAll(1, Math.ceil(TIMES / 10), ORDERLY_MS_MAX)
    report(ended)
    expect(ended.flatMap((one) => (wrongOf(one) === undefined ? [] : [{ why: wrongOf(one), ...one }]))).toEqual([])
  })

  it('the lake holds what it held', { timeout: 600_000 }, async () => {
    await assay('up', '--drain')
    const { stdout } = await assay('verify', '--from-log')
    expect(stdout).toContain('all hold')
  })
})
