/** Outcome of one check, with the numbers on both sides. */
export interface Check {
  /** The promise that it proves, such as `S1`; `files` and `chain` are about the tables themselves. */
  readonly promise: string
  /** Table or lane that it speaks of. */
  readonly subject: string
  /** What has to hold. */
  readonly claim: string
  readonly outcome: 'ok' | 'failed' | 'skipped'
  /** What was counted, by name; names of both sides come first. */
  readonly numbers: Readonly<Record<string, bigint | number>>
  /** The first few places where it does not hold. */
  readonly found: readonly string[]
  /** Why it was skipped, what an ok one leaves open, or what mends a failed one. */
  readonly note?: string
}

export interface VerifyReport {
  readonly checks: readonly Check[]
  readonly is_ok: boolean
  /** Bronze rows that were gone through. */
  readonly rows: bigint
}

/** One failed check makes the verification fail. */
export function reportOf(checks: readonly Check[], rows: bigint): VerifyReport {
  return { checks, is_ok: checks.every(({ outcome }) => outcome !== 'failed'), rows }
}

const FOUND_MAX = 5

/** Places where something does not hold: all are counted, the first few are kept. */
export class Findings {
  readonly first: string[] = []
  total = 0n

  add(...texts: readonly string[]): void {
    this.total += BigInt(texts.length)
    this.first.push(...texts.slice(0, FOUND_MAX - this.first.length))
  }

  /** Some were listed, and there are more of the kind. */
  addCounted(count: bigint, listed: readonly string[]): void {
    this.total += count
    this.first.push(...listed.slice(0, FOUND_MAX - this.first.length))
  }

  get isEmpty(): boolean {
    return this.total === 0n
  }
}

/** The text of an error, which may list mistakes line by line, as one finding. */
export function findingOf({ message }: Error): string {
  return message.replaceAll(/\n-? ?/g, ' ')
}

/** Places that a statement which looks for them lists at most. */
export const LISTED_MAX = FOUND_MAX

export type Claim = Pick<Check, 'promise' | 'subject' | 'claim'>

/** Collects checks and tells of each as it is done. */
export class CheckList {
  readonly checks: Check[] = []
  readonly #onCheck: (check: Check) => void

  constructor(onCheck: (check: Check) => void) {
    this.#onCheck = onCheck
  }

  done(claim: Claim, numbers: Check['numbers'], findings: Findings, note?: string): void {
    this.#add({
      ...claim,
      outcome: findings.isEmpty ? 'ok' : 'failed',
      numbers: findings.isEmpty ? numbers : { ...numbers, wrong: findings.total },
      found: findings.first,
      ...(note !== undefined && { note }),
    })
  }

  skipped(claim: Claim, note: string): void {
    this.#add({ ...claim, outcome: 'skipped', numbers: {}, found: [], note })
  }

  #add(check: Check): void {
    this.checks.push(check)
    this.#onCheck(check)
  }
}
