import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type Random, seededRandom } from '@assay/core'
import { expect, it } from 'vitest'
import { copyFolder, diskLake, temporaryFolder } from '../support/disk-lake.js'
import { drain } from '../support/drain.js'
import { checkInvariants } from '../support/invariants.js'
import { digests, query } from '../support/tables.js'

/** `KILLS=500` for the long run, `SEED=…` to choose the moments again. */
const KILLS = Number(process.env.KILLS ?? 40)
const CHILD = fileURLToPath(new URL('../fixtures/life.mjs', import.meta.url))
const ASSAY = fileURLToPath(new URL('../../services/cli/bin/assay.js', import.meta.url))
const EXCHANGES = ['binance', 'kraken']
const WORKERS = 2
const LOADERS = 1
/** Processes that have started and wait for their task, so that a kill is followed by work at once. */
const SPARES = 2
const ROWS = [10, 25, 60]
/** A life ends some moment after so many commits or batches, whichever a lot says, or when its time is over. */
const DONE_MAX = 5
const MOMENT_MS_MAX = 60
const LIFE_MS_MAX = 1_500
const POLL_MS = 5

interface Life {
  readonly child: ChildProcess
  readonly ready: Promise<unknown>
  task: 'none' | 'work' | 'load'
  /** Commits or batches that the process has told of. */
  done: number
}

function begin(directory: string): Life {
  const child = spawn(process.execPath, [CHILD, directory], { stdio: ['pipe', 'pipe', 'inherit'] })
  const life: Life = {
    child,
    ready: once(child.stdout as NonNullable<typeof child.stdout>, 'data'),
    task: 'none',
    done: -1,
  }
  child.stdout?.on('data', (data: Buffer) => {
    life.done += data.length
  })
  // A pipe that breaks because its reader was killed is no news.
  child.stdin?.on('error', () => undefined)
  return life
}

/** Kept at work on one lake: whoever is killed is replaced at once. */
class Herd {
  readonly kills = { work: 0, load: 0, amidWork: 0 }
  readonly #directory: string
  readonly #lot: Random
  readonly #lives: Life[] = []
  #seed = 1

  constructor(directory: string, lot: Random) {
    this.#directory = directory
    this.#lot = lot
  }

  async fill(): Promise<void> {
    for (const [task, count] of [
      ['work', WORKERS],
      ['load', LOADERS],
    ] as const) {
      while (this.#count(task) < count) {
        await this.#give(task)
        while (this.#count('none') < SPARES) this.#lives.push(begin(this.#directory))
      }
    }
  }

  #count(task: Life['task']): number {
    return this.#lives.filter((life) => life.task === task).length
  }

  async #give(task: 'work' | 'load'): Promise<void> {
    const life = this.#lives.find((one) => one.task === 'none') ?? begin(this.#directory)
    if (!this.#lives.includes(life)) this.#lives.push(life)
    life.task = task
    await life.ready
    this.#seed += 1_000
    const line = task === 'work' ? `work ${this.#oneOf(ROWS)}` : `load ${this.#oneOf(EXCHANGES)} ${this.#seed}`
    life.child.stdin?.write(`${line}\n`)
  }

  #oneOf<T>(items: readonly T[]): T {
    return items[Math.floor(this.#lot.unit() * items.length)] as T
  }

  /** Kills one that is at work, once it has done something or was given its time. None may have ended by itself. */
  async killOne(): Promise<void> {
    const victim = this.#oneOf(this.#lives.filter((life) => life.task !== 'none'))
    const enough = victim.done + Math.floor(this.#lot.unit() * DONE_MAX)
    const moment_ms = this.#lot.unit() * MOMENT_MS_MAX
    for (let waited_ms = 0; victim.done < enough && waited_ms < LIFE_MS_MAX; waited_ms += POLL_MS) await delay(POLL_MS)
    await delay(moment_ms)
    expect([victim.task, victim.child.exitCode]).toEqual([victim.task, null])
    await this.#kill(victim)
    this.kills[victim.task === 'load' ? 'load' : 'work']++
    if (victim.done > 0) this.kills.amidWork++
  }

  async #kill(life: Life): Promise<void> {
    this.#lives.splice(this.#lives.indexOf(life), 1)
    const exited = once(life.child, 'exit')
    life.child.kill('SIGKILL')
    await exited
  }

  async killAll(): Promise<void> {
    while (this.#lives.length > 0) await this.#kill(this.#lives[0] as Life)
  }
}

it(`A1 B2 S1 G1 A2 T15: after ${KILLS} kills, several processes at work at once, the lake is what it would have been`, async () => {
  const [killed, calm] = [temporaryFolder(), temporaryFolder()]
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 32))
  const lot = seededRandom(seed)
  const herd = new Herd(killed, lot)
  const started = performance.now()
  try {
    for (let n = 0; n < KILLS; n++) {
      await herd.fill()
      await herd.killOne()
    }
  } finally {
    await herd.killAll()
  }
  const seconds = ((performance.now() - started) / 1_000).toFixed(0)
  // What the log holds is what the lake is judged by: the same log, without a kill, must lead to the same tables.
  for (const folder of ['log', 'schemas']) {
    mkdirSync(join(calm, folder), { recursive: true })
    copyFolder(join(killed, folder), join(calm, folder))
  }
  const [disturbed, undisturbed] = [await diskLake(killed), await diskLake(calm)]
  await drain(disturbed)
  await drain(undisturbed)
  const [row] = await query(disturbed, 'SELECT count(*)::INTEGER AS n FROM bronze_binance_trades')
  console.info(
    `${KILLS} kills in ${seconds} s by seed ${seed}: ${JSON.stringify(herd.kills)}, ${row?.n} Binance records`,
  )
  await checkInvariants(disturbed)
  const tables = (name: string): boolean => name !== 'gaps'
  expect({ seed, tables: await digests(disturbed, tables) }).toEqual({
    seed,
    tables: await digests(undisturbed, tables),
  })
  const { stdout } = await promisify(execFile)(process.execPath, [ASSAY, '--lake', killed, 'verify', '--from-log'])
  expect(stdout).not.toMatch(/\bfailed\b/i)
}, 3_600_000)
