/** Bytes of values that may lie about as garbage. */
const GARBAGE_BYTES_MAX = 32 * 2 ** 20

/**
 * Collects garbage by what has passed: long texts and buffers lie outside the heap that the runtime looks at, and
 * would reach the process's limit of memory before it does.
 */
export class Collector {
  #passed_bytes = 0

  passed(weight_bytes: number): void {
    this.#passed_bytes += weight_bytes
    if (this.#passed_bytes < GARBAGE_BYTES_MAX) return
    this.#passed_bytes = 0
    globalThis.gc?.()
  }
}
