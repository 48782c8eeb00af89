/**
 * A set of integers within ±(2^53 - 1), held as sorted, disjoint, inclusive intervals: 16 bytes a run,
 * however many numbers a run covers.
 */
export class IntervalSet {
  #starts: Float64Array
  #ends: Float64Array
  #count: number

  constructor(starts = new Float64Array(4), ends = new Float64Array(4), count = 0) {
    this.#starts = starts
    this.#ends = ends
    this.#count = count
  }

  get intervalCount(): number {
    return this.#count
  }

  get size_bytes(): number {
    return this.#starts.byteLength + this.#ends.byteLength
  }

  /** The intervals' bounds, as views that the next change makes invalid. */
  bounds(): { readonly starts: Float64Array; readonly ends: Float64Array } {
    return { starts: this.#starts.subarray(0, this.#count), ends: this.#ends.subarray(0, this.#count) }
  }

  has(id: number): boolean {
    const i = this.#lastStartingAtOrBefore(id)
    return i >= 0 && id <= (this.#ends[i] as number)
  }

  /** The nearest numbers held on both sides of one that is not. */
  around(id: number): { readonly below: number | undefined; readonly above: number | undefined } {
    const i = this.#lastStartingAtOrBefore(id)
    return { below: i < 0 ? undefined : this.#ends[i], above: i + 1 < this.#count ? this.#starts[i + 1] : undefined }
  }

  /** Adds runs in ascending order of their starts; overlaps and numbers already held are no error. */
  addRuns(starts: Float64Array, ends: Float64Array): void {
    if (starts.length === 0) return
    const before = this.#count === 0 ? Number.NEGATIVE_INFINITY : (this.#ends[this.#count - 1] as number)
    if ((starts[0] as number) <= before) this.#merge(starts, ends)
    else for (let i = 0; i < starts.length; i++) this.#append(starts[i] as number, ends[i] as number)
  }

  /** Adds a number above all others. */
  append(id: number): void {
    this.#append(id, id)
  }

  #append(start: number, end: number): void {
    const last = this.#count - 1
    if (last >= 0 && start <= (this.#ends[last] as number) + 1) {
      if (end > (this.#ends[last] as number)) this.#ends[last] = end
      return
    }
    this.#grow(this.#count + 1)
    this.#starts[this.#count] = start
    this.#ends[this.#count] = end
    this.#count++
  }

  #merge(newStarts: Float64Array, newEnds: Float64Array): void {
    const { starts, ends } = this.bounds()
    const capacity = starts.length + 16
    const merged = new IntervalSet(new Float64Array(capacity), new Float64Array(capacity))
    let next = 0
    for (let i = 0; i < starts.length; i++) {
      const start = starts[i] as number
      for (; next < newStarts.length && (newStarts[next] as number) < start; next++) {
        merged.#append(newStarts[next] as number, newEnds[next] as number)
      }
      merged.#append(start, ends[i] as number)
    }
    for (; next < newStarts.length; next++) merged.#append(newStarts[next] as number, newEnds[next] as number)
    this.#starts = merged.#starts
    this.#ends = merged.#ends
    this.#count = merged.#count
  }

  #grow(count: number): void {
    if (count <= this.#starts.length) return
    const starts = new Float64Array(Math.max(8, count * 2))
    const ends = new Float64Array(starts.length)
    starts.set(this.#starts)
    ends.set(this.#ends)
    this.#starts = starts
    this.#ends = ends
  }

  #lastStartingAtOrBefore(id: number): number {
    let low = 0
    let high = this.#count - 1
    if (high >= 0 && id >= (this.#starts[high] as number)) return high
    while (low <= high) {
      const middle = (low + high) >>> 1
      if ((this.#starts[middle] as number) <= id) low = middle + 1
      else high = middle - 1
    }
    return high
  }
}
