import { AssayError, type Lane, laneKey, type Position } from '@assay/core'

/** Records that the log had and no longer has as they were written. */
export class LogDamageError extends AssayError {
  readonly from: Position
  /** The first offset behind the damaged records. */
  readonly to: Position

  constructor(damage: Omit<Damage, 'path' | 'byte'>, message: string, hint: string) {
    super('log_corrupt', message, { hint })
    this.from = damage.from
    this.to = damage.to
  }
}

interface Damage {
  readonly lane: Lane
  readonly from: Position
  readonly to: Position
  /** File and byte at which it begins. */
  readonly path: string
  readonly byte: number
}

/** The error for a reader of the damaged records. */
export function damagedRecords(damage: Damage): LogDamageError {
  const { lane, from, to, path, byte } = damage
  return new LogDamageError(
    damage,
    `lane ${laneKey(lane)} can't be read at offset ${from}: in ${path} at byte ${byte} the records below ${to} are not what was written`,
    wayOut(damage),
  )
}

/** For who would append behind them: their offsets must not be given out again. */
export function damagedEnd(damage: Damage): LogDamageError {
  const { lane, from, to, path, byte } = damage
  return new LogDamageError(
    damage,
    `lane ${laneKey(lane)} takes no records: those from offset ${from} to ${to} were acknowledged and are not what was written, in ${path} at byte ${byte}`,
    wayOut(damage),
  )
}

function wayOut({ lane, to }: Damage): string {
  return `restore the file from a copy; where there is none: assay gaps accept ${laneKey(lane)} --to ${to} --note "why"`
}
