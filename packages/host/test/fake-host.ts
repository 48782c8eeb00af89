import type { StopSignal } from '@assay/core'
import { layerWork } from '@assay/host'
import { bronzeLayer, goldLayer, silverLayer } from '@assay/medallion'
import { feedWork } from '../../../services/feed/src/feed-work.js'
import type { ServiceHost } from '../src/run-service.js'

/** What each service of the project hands to the frame. */
export const WORK = {
  feed: feedWork,
  bronze: layerWork(bronzeLayer),
  silver: layerWork(silverLayer),
  gold: layerWork(goldLayer),
}
export type ServiceName = keyof typeof WORK

/** A process of which only the log and the exit code are looked at. */
export class FakeHost implements ServiceHost {
  readonly lines: Record<string, unknown>[] = []
  readonly exits: number[] = []
  readonly kills: string[] = []
  readonly pid = -1
  readonly #listeners = new Map<StopSignal, (signal: StopSignal) => void>()
  readonly #awaited: { message: string; resolve: () => void }[] = []

  constructor(readonly env: Record<string, string>) {}

  readonly stdout = {
    write: (line: string): void => {
      const parsed = JSON.parse(line) as Record<string, unknown>
      this.lines.push(parsed)
      for (const { message, resolve } of this.#awaited) if (parsed.msg === message) resolve()
    },
  }

  /** Address at which the host listens, once it does. */
  get address(): string {
    return String(this.lines.find(({ msg }) => msg === 'listening')?.address)
  }

  on(signal: StopSignal, listener: (signal: StopSignal) => void): void {
    this.#listeners.set(signal, listener)
  }

  off(signal: StopSignal): void {
    this.#listeners.delete(signal)
  }

  kill(_pid: number, signal: string): void {
    this.kills.push(signal)
  }

  exit(code: number): void {
    this.exits.push(code)
  }

  send(signal: StopSignal): void {
    this.#listeners.get(signal)?.(signal)
  }

  /** Resolves when the message is logged, or was. */
  async logged(message: string): Promise<void> {
    if (this.lines.some(({ msg }) => msg === message)) return
    await new Promise<void>((resolve) => this.#awaited.push({ message, resolve }))
  }
}
