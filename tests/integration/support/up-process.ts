import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const bin = fileURLToPath(new URL('../../../services/cli/bin/assay.js', import.meta.url))
const TOLD_CHARS = 6_000

const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** `assay up` as a process of its own, and what it prints. */
export class UpProcess {
  readonly #child: ChildProcess
  #stdout = ''
  #stderr = ''

  constructor(args: readonly string[], env: Readonly<Record<string, string>>, wrap: readonly string[] = []) {
    const [program = '', ...rest] = [...wrap, process.execPath, bin, 'up', ...args]
    this.#child = spawn(program, rest, {
      env: { PATH: process.env.PATH, NODE_NO_WARNINGS: '1', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    running.add(this.#child)
    this.#child.once('exit', () => running.delete(this.#child))
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text
    })
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text
    })
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** Exit code or signal as a text, undefined while it runs. */
  get ending(): string | undefined {
    return this.#child.signalCode ?? this.#child.exitCode?.toString()
  }

  /** Characters of the status so far: where what comes next begins. */
  get printed(): number {
    return this.#stdout.length
  }

  /** What the status says, from there on, that it waits for, each with what to do. */
  waits(from: number): string[] {
    return this.#stdout.slice(from).match(/^waiting since .*\n.*$/gm) ?? []
  }

  /** Gold's rows as the status had them last. */
  get goldRows(): number {
    return Number(/.*^gold +([\d,]+) rows/ms.exec(this.#stdout)?.[1]?.replaceAll(',', '') ?? Number.NaN)
  }

  /** Whose outage was logged when it began, and not that it is over. */
  get waiting(): string[] {
    const found = new Set<string>()
    for (const line of this.#stderr.split('\n')) {
      const worker = /"worker":"([^"]+)"/.exec(line)?.[1] ?? `feed-${/"exchange":"([^"]+)"/.exec(line)?.[1]}`
      if (/ WARN: (outage|feed interrupted), trying again: /.test(line)) found.add(worker)
      if (/ INFO: the outage is over /.test(line)) found.delete(worker)
    }
    return [...found]
  }

  tell(): string {
    return `${this.#stdout.slice(-TOLD_CHARS)}\n${this.#stderr.slice(-TOLD_CHARS)}`
  }

  /** Ends it as Ctrl-C does, and gives what it ended with. */
  async stop(): Promise<string | undefined> {
    if (this.ending === undefined) {
      const exited = once(this.#child, 'exit')
      this.#child.kill('SIGINT')
      await exited
    }
    return this.ending
  }

  /** For clean-ups: no process is left, whatever happened. */
  async end(): Promise<void> {
    if (this.ending !== undefined) return
    const exited = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await exited
  }
}
