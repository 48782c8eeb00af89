import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { eventually } from './eventually.js'
import { secretsIn } from './leaked-secrets.js'

export type ServiceName = 'feed' | 'bronze' | 'silver' | 'gold' | 'candles'

type LogLine = Readonly<Record<string, unknown>>

export interface Readiness {
  readonly status: number
  /** `ok`, or what is wrong, by the name of the part. */
  readonly parts: Readonly<Record<string, string>>
}

const LINES_KEPT = 2_000
const LINES_TOLD = 12
const READY_MS = 90_000
/** Time to wait, enough on a machine that does much else. */
const GRACE_MS = 30_000

const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** A service as a process of its own, with nothing in its environment but what is given. */
export class ServiceProcess {
  readonly lines: LogLine[] = []
  readonly #label: string
  readonly #child: ChildProcess
  readonly #ended: Promise<string>
  #stderr = ''
  readonly #env: Readonly<Record<string, string>>
  readonly #leaked = new Set<string>()

  /** `command`: arguments of node; the built service of this checkout without. */
  constructor(
    label: string,
    env: Readonly<Record<string, string>>,
    { command, cwd, wrap = [] }: { command?: readonly string[]; cwd?: string; wrap?: readonly string[] } = {},
  ) {
    this.#label = label
    this.#env = env
    const main = fileURLToPath(new URL(`../../../services/${label}/dist/main.js`, import.meta.url))
    const [program = '', ...args] = [...wrap, process.execPath, ...(command ?? [main])]
    this.#child = spawn(program, args, {
      // The AWS client warns of the age of Node, which would hide what matters in an error message.
      env: { PATH: process.env.PATH, NODE_NO_WARNINGS: '1', ASSAY_GRACE_MS: String(GRACE_MS), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(cwd !== undefined && { cwd }),
    })
    running.add(this.#child)
    this.#ended = new Promise((resolve) => {
      this.#child.once('error', (error) => resolve(`did not start: ${error.message}`))
      this.#child.once('exit', (code, signal) => {
        running.delete(this.#child)
        resolve(String(signal ?? code))
      })
    })
    const { stdout, stderr } = this.#child
    if (stdout) createInterface({ input: stdout }).on('line', (line) => this.#keep(line))
    stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-4_000)
      this.#look(this.#stderr)
    })
  }

  #look(text: string): void {
    for (const name of secretsIn(text, this.#env)) this.#leaked.add(name)
  }

  #expectNoSecret(): void {
    expect([...this.#leaked], `settings whose secrets ${this.#label} wrote`).toEqual([])
  }

  #keep(line: string): void {
    this.#look(line)
    try {
      this.lines.push(JSON.parse(line) as LogLine)
    } catch {
      this.lines.push({ level: 'not JSON', msg: line })
    }
    if (this.lines.length > LINES_KEPT) this.lines.shift()
  }

  /** The last lines of its log, for an error message. */
  tell(): string {
    const last = this.lines.slice(-LINES_TOLD).map((line) => `    ${JSON.stringify(line)}`)
    return [`  ${this.#label} (pid ${this.#child.pid}) logged last:`, ...last, this.#stderr].join('\n')
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** Exit code or signal as a text, undefined while it runs. */
  get ending(): string | undefined {
    return this.#child.signalCode ?? this.#child.exitCode?.toString()
  }

  /** Lines with this message. */
  logged(message: RegExp): readonly LogLine[] {
    return this.lines.filter(({ msg }) => message.test(String(msg)))
  }

  /** Base URL of its HTTP side, once it listens. */
  get url(): string {
    const address = this.lines.find(({ msg }) => msg === 'listening')?.address
    if (typeof address !== 'string') throw new Error(`${this.#label} does not listen yet`)
    return address
  }

  async readiness(): Promise<Readiness> {
    const answer = await fetch(`${this.url}/readyz`, { signal: AbortSignal.timeout(10_000) })
    return { status: answer.status, ...((await answer.json()) as Pick<Readiness, 'parts'>) }
  }

  /** Waits until `/readyz` answers with the status. */
  async untilReadiness(status: 200 | 503, limit_ms = READY_MS): Promise<Readiness> {
    return eventually(
      `${this.#label} answers ${status} to /readyz`,
      async () => {
        if (this.ending !== undefined) throw new Error(`it ended (${this.ending})`)
        const found = await this.readiness()
        if (found.status !== status) throw new Error(JSON.stringify(found))
        return found
      },
      limit_ms,
      () => this.tell(),
    )
  }

  untilLogged(message: RegExp, limit_ms = READY_MS): Promise<LogLine> {
    const look = async () => this.logged(message)[0]
    return eventually(`${this.#label} logs ${message}`, look, limit_ms, () => this.tell())
  }

  /** Samples of /metrics by name and labels, as Prometheus would read them. Throws where it would. */
  async metrics(): Promise<ReadonlyMap<string, number>> {
    const answer = await fetch(`${this.url}/metrics`, { signal: AbortSignal.timeout(10_000) })
    if (answer.status !== 200) throw new Error(`/metrics answered ${answer.status}`)
    const samples = new Map<string, number>()
    for (const line of (await answer.text()).split('\n')) {
      if (line === '' || /^# (HELP|TYPE) [a-zA-Z_:]/.test(line)) continue
      const [, name = '', value = ''] = /^([a-zA-Z_:][\w:]*(?:\{.*\})?) (\S+)$/.exec(line) ?? []
      const number = Number(value.replace('Inf', 'Infinity'))
      if (name === '' || (Number.isNaN(number) && value !== 'NaN')) throw new Error(`/metrics has a line ${line}`)
      samples.set(name, number)
    }
    return samples
  }

  /** Greatest resident memory that the process ever had. */
  get peakMemory_bytes(): number {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8')
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024
  }

  /** Freezes the process: it answers nothing, and its connections stay open. */
  pause(): void {
    this.#child.kill('SIGSTOP')
  }

  resume(): void {
    this.#child.kill('SIGCONT')
  }

  /** Ends the process as a crash would. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended
  }

  /** A7: told to stop it ends with 0, within its grace time. */
  async stop(): Promise<void> {
    const asked_ms = performance.now()
    this.#child.kill('SIGTERM')
    const ending = await this.#ended
    expect(ending, this.tell()).toBe('0')
    expect(performance.now() - asked_ms, `${this.#label} took too long to stop`).toBeLessThan(GRACE_MS)
    this.#expectNoSecret()
  }

  /** For clean-ups: no process is left, whatever happened, and none wrote a secret. */
  async end(): Promise<void> {
    if (this.ending === undefined) await this.kill()
    this.#expectNoSecret()
  }
}
