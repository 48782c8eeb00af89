import type { Compress } from './compress.js'

interface Task {
  readonly bytes: Uint8Array
  readonly done: (compressed: Uint8Array) => void
}

/** As many cores as one writer may take beside its own. */
const RUNNING_MAX = 2

/** Pages on their way through the compressor, in the order in which they came. */
export class Compressions {
  readonly #compress: Compress
  #waiting: Task[] = []
  #running = 0
  #left_bytes = 0
  #failure: { readonly cause: unknown } | undefined
  #wake: (() => void) | undefined

  constructor(compress: Compress) {
    this.#compress = compress
  }

  get codec(): Compress['codec'] {
    return this.#compress.codec
  }

  /** `bytes` are the compressor's from here on. */
  add(bytes: Uint8Array, done: (compressed: Uint8Array) => void): void {
    this.#left_bytes += bytes.length
    this.#waiting.push({ bytes, done })
    this.#start()
  }

  /** Resolves when no more bytes than these wait or are worked on. Throws what the compressor threw. */
  async until(left_bytes: number): Promise<void> {
    while (this.#left_bytes > left_bytes && !this.#failure) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    if (this.#failure) throw this.#failure.cause
  }

  #start(): void {
    while (this.#running < RUNNING_MAX && !this.#failure) {
      const task = this.#waiting.shift()
      if (!task) return
      const result = this.#compress.compress(task.bytes)
      if (result instanceof Uint8Array) {
        this.#end(task, result)
        continue
      }
      this.#running += 1
      void this.#follow(task, result)
    }
  }

  async #follow(task: Task, result: Promise<Uint8Array>): Promise<void> {
    try {
      this.#end(task, await result)
    } catch (cause) {
      this.#failure ??= { cause }
    }
    this.#running -= 1
    this.#start()
    this.#wake?.()
  }

  #end(task: Task, compressed: Uint8Array): void {
    task.done(compressed)
    this.#left_bytes -= task.bytes.length
  }
}
