import { setImmediate } from 'node:timers/promises'
import { AssayError } from '@assay/core'
import { VirtualClock } from '../support/virtual-clock.js'
import type { World } from './world.js'

const SLEEPS_MAX = 400

/** The world's time for those who wait for nobody. */
export class WorldClock extends VirtualClock {
  readonly #world: World
  #sleeps = 0

  constructor(world: World) {
    super()
    this.#world = world
  }

  override now_ms(): number {
    return this.#world.now_ms
  }

  override monotonic_ms(): number {
    return this.#world.now_ms - this.#world.start_ms
  }

  override async sleep(ms: number): Promise<void> {
    if (++this.#sleeps > SLEEPS_MAX) throw new AssayError('no_end', 'somebody waits for ever')
    this.#world.now_ms += ms
    await setImmediate()
  }

  override advance(ms: number): void {
    this.#world.now_ms += ms
  }
}
