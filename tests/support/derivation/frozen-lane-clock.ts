const JUMP_US = 300_000_000

/**
 * How far rows of a lane lie behind the greatest trusted time before them, as it was told when silver was judged by SQL: a
 * time further ahead than the jump, and a lane's first, is trusted once another bears it out; what other rules had trusted
 * is no more than such a candidate.
 */
export class FrozenLaneClock {
  #greatest_us = Number.NEGATIVE_INFINITY
  #candidate_us: number | undefined
  #rules: string | undefined

  take(time_us: number, rules: string): number {
    if (this.#rules !== undefined && this.#rules !== rules) {
      this.#candidate_us = Number.isFinite(this.#greatest_us) ? this.#greatest_us : undefined
      this.#greatest_us = Number.NEGATIVE_INFINITY
    }
    this.#rules = rules
    const behind_us = this.#greatest_us - time_us
    if (behind_us < 0) this.#advance(time_us)
    else if (this.#isFarBehindCandidate(time_us)) this.#candidate_us = undefined
    return Number.isFinite(behind_us) ? behind_us : 0
  }

  #advance(time_us: number): void {
    const candidate_us = this.#candidate_us
    if (candidate_us === time_us) return
    if (candidate_us !== undefined && !this.#isFarBehindCandidate(time_us))
      this.#greatest_us = Math.min(candidate_us, time_us)
    this.#candidate_us = undefined
    if (time_us > this.#greatest_us + JUMP_US) this.#candidate_us = time_us
    else this.#greatest_us = Math.max(this.#greatest_us, time_us)
  }

  #isFarBehindCandidate(time_us: number): boolean {
    return this.#candidate_us !== undefined && time_us < this.#candidate_us - JUMP_US
  }
}
