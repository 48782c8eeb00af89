import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const PROGRAM = fileURLToPath(new URL('./member.mjs', import.meta.url))
const WAIT_MS = 30_000

/** A process that is a member of a group; `owned` are the lanes that it last said it owns. */
export class Member {
  owned: number[] = []
  readonly #child: ChildProcess
  readonly #waiting = new Set<() => void>()

  constructor(broker: string, group: string, topic: string, partitions: number) {
    const args = [PROGRAM, broker, group, topic, String(partitions)]
    this.#child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    let rest = ''
    this.#child.stdout?.on('data', (part: Buffer) => {
      const lines = (rest + part).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        this.owned = JSON.parse(line)
        for (const wake of this.#waiting) wake()
      }
    })
  }

  async until(isSo: () => boolean, what: string): Promise<void> {
    const deadline_ms = performance.now() + WAIT_MS
    while (!isSo()) {
      if (performance.now() > deadline_ms) throw new Error(`not within ${WAIT_MS} ms: ${what}`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  freeze(): void {
    this.#child.kill('SIGSTOP')
  }

  /** Lets it go on; gives what it says first, and what it says then. */
  async wake(): Promise<number[][]> {
    const said: number[][] = []
    const isSaid = new Promise<void>((resolve) => {
      const note = (): void => {
        said.push(this.owned)
        this.#waiting.delete(note)
        resolve()
      }
      this.#waiting.add(note)
    })
    this.#child.kill('SIGCONT')
    await isSaid
    return said
  }

  async end(): Promise<void> {
    const ended = once(this.#child, 'close')
    this.#child.stdin?.end()
    await ended
  }
}
