// @ts-check
import { execFileSync, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { open, readFile } from 'node:fs/promises'
import { createServer, Socket } from 'node:net'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const START_MS = 120_000
const STOP_MS = 30_000
const POLL_MS = 50
const ANSWER_MS = 5_000
const LOG_LINES_SHOWN = 30

/**
 * Where a server runs and how it is reached. Ports are by purpose; credentials are for the object store.
 * @typedef {object} Place
 * @property {string} installed folder of the installed part
 * @property {string} folder its data, its configuration and its log
 * @property {Readonly<Record<string, number>>} ports
 * @property {Credentials} credentials
 * @property {string} [s3] URL of the object store, for parts that use it
 * @property {Readonly<Record<string, string>>} [properties] settings beside our own
 *
 * @typedef {{ accessKeyId: string, secretAccessKey: string }} Credentials
 * @typedef {{ command: string, args: readonly string[], env?: Readonly<Record<string, string>> }} Launch
 *
 * @typedef {object} Part
 * @property {string} name
 * @property {readonly string[]} portNames
 * @property {() => Promise<string>} install the folder it is installed in
 * @property {(place: Place) => Promise<Launch>} launch writes what the server needs; tells how to start it
 * @property {(place: Place) => Promise<boolean>} answers throws or gives false as long as it can't be used
 * @property {(place: Place) => Promise<unknown>} [prepare] runs after each start
 */

/** A part's process and its place. */
export class Server {
  /** @type {Part} */ part
  /** @type {Place} */ place
  #detached
  /** @type {number | undefined} */ pid
  /** @type {import('node:child_process').ChildProcess | undefined} */ #watchdog

  /**
   * @param {Part} part
   * @param {Place} place
   * @param {{ detached: boolean }} options detached: once started, it outlives this process
   */
  constructor(part, place, { detached }) {
    this.part = part
    this.place = place
    this.#detached = detached
  }

  get logFile() {
    return path.join(this.place.folder, `${this.part.name}.log`)
  }

  /** Starts the process and waits until it can be used. */
  async start() {
    try {
      await this.#launch()
      await this.#untilItAnswers()
      await this.part.prepare?.(this.place)
    } catch (error) {
      await this.kill()
      throw new Error(`${this.part.name} did not start: ${message(error)}\n${await this.#endOfLog()}`)
    }
    if (this.#detached) this.#watchdog?.kill()
  }

  async #launch() {
    const { command, args, env } = await this.part.launch(this.place)
    const log = await open(this.logFile, 'w')
    try {
      const child = spawn(command, args, {
        cwd: this.place.folder,
        detached: this.#detached,
        stdio: ['ignore', log.fd, log.fd],
        env: { ...process.env, ...env },
      })
      await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject))
      child.unref()
      this.pid = Number(child.pid)
      this.#watchdog = watchdog(this.pid)
    } finally {
      await log.close()
    }
  }

  /** Ends it as its operator would, or by force when it takes too long. */
  async stop() {
    if (this.pid !== undefined) await endProcess(this.pid)
    this.#forget()
  }

  /** Ends it at once, as a crash would. */
  async kill() {
    if (this.pid !== undefined) {
      signal(this.pid, 'SIGKILL')
      await untilEnded(this.pid, STOP_MS)
    }
    this.#forget()
  }

  #forget() {
    this.pid = undefined
    this.#watchdog?.kill()
  }

  /** Starts it again, on the same ports and data. */
  async restart() {
    await this.stop()
    await this.start()
  }

  /** Freezes it: connections stay open and nothing answers. */
  pause() {
    if (this.pid === undefined) return
    signal(this.pid, 'SIGSTOP')
    untilStopped(this.pid)
  }

  resume() {
    if (this.pid !== undefined) signal(this.pid, 'SIGCONT')
  }

  async #untilItAnswers() {
    const giveUpAt_ms = performance.now() + START_MS
    let last = 'no answer'
    while (performance.now() < giveUpAt_ms) {
      if (this.pid === undefined || commandLine(this.pid) === undefined) throw new Error('its process ended')
      try {
        if (await this.part.answers(this.place)) return
      } catch (error) {
        last = message(error)
      }
      await sleep(POLL_MS)
    }
    throw new Error(`it does not answer after ${START_MS / 1000} s (${last})`)
  }

  async #endOfLog() {
    const log = await readFile(this.logFile, 'utf8').catch(() => '(no log)')
    const lines = log.trimEnd().split('\n')
    return [`end of ${this.logFile}:`, ...lines.slice(-LOG_LINES_SHOWN)].join('\n')
  }
}

/**
 * A process that kills another one when this process has ended, however it ended: its input ends then.
 * @param {number} pid
 */
function watchdog(pid) {
  const child = spawn('sh', ['-c', `read -r _; kill -9 ${pid}`], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  child.unref()
  if (child.stdin instanceof Socket) child.stdin.unref()
  return child
}

/**
 * Ends a process with SIGTERM, or with SIGKILL when that takes too long.
 * @param {number} pid
 */
export async function endProcess(pid) {
  signal(pid, 'SIGTERM')
  signal(pid, 'SIGCONT')
  if (await untilEnded(pid, STOP_MS)) return
  signal(pid, 'SIGKILL')
  await untilEnded(pid, STOP_MS)
}

/**
 * The command line of a process, which tells it from another one that was later given the same id.
 * @param {number} pid
 * @returns {string | undefined} undefined when there is no such process, or it has ended
 */
export function commandLine(pid) {
  try {
    if (existsSync('/proc/self/cmdline')) return readFileSync(`/proc/${pid}/cmdline`, 'utf8') || undefined
    return execFileSync('ps', ['-ww', '-o', 'args=', '-p', String(pid)], { encoding: 'utf8', stdio: 'pipe' })
  } catch {
    return undefined
  }
}

/**
 * Ports of 127.0.0.1 that nothing listens on. They are below those that systems give to outgoing connections, so that
 * none is taken while a server restarts.
 * @template {string} Name
 * @param {readonly Name[]} names
 * @returns {Promise<Record<Name, number>>}
 */
export async function freePorts(names) {
  const ports = /** @type {Record<Name, number>} */ ({})
  for (const name of names) {
    let port = randomInt(20_000, 32_000)
    while (Object.values(ports).includes(port) || !(await isFree(port))) port = randomInt(20_000, 32_000)
    ports[name] = port
  }
  return ports
}

/**
 * @param {number} port
 * @returns {Promise<boolean>}
 */
function isFree(port) {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

/**
 * Says whether a GET of the URL is answered with success.
 * @param {string} url
 */
export async function answersTo(url) {
  const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) })
  await response.arrayBuffer()
  return response.ok
}

/**
 * @param {number} pid
 * @param {NodeJS.Signals} name
 */
function signal(pid, name) {
  try {
    process.kill(pid, name)
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ESRCH') throw error
  }
}

/**
 * The signal comes before its effect: on a busy machine, threads that still run answer a little longer.
 * @param {number} pid
 */
function untilStopped(pid) {
  const giveUpAt_ms = performance.now() + ANSWER_MS
  const tasks = `/proc/${pid}/task`
  while (existsSync(tasks) && performance.now() < giveUpAt_ms) {
    if (readdirSync(tasks).every((task) => isStopped(`${tasks}/${task}/stat`))) return
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
  }
}

/** @param {string} file a thread's `stat` */
function isStopped(file) {
  try {
    return / T \d/.test(readFileSync(file, 'utf8'))
  } catch {
    // The thread has ended.
    return true
  }
}

/**
 * @param {number} pid
 * @param {number} limit_ms
 */
async function untilEnded(pid, limit_ms) {
  const giveUpAt_ms = performance.now() + limit_ms
  while (commandLine(pid) !== undefined) {
    if (performance.now() > giveUpAt_ms) return false
    await sleep(POLL_MS)
  }
  return true
}

/** @param {unknown} error */
function message(error) {
  return error instanceof Error ? error.message : String(error)
}
