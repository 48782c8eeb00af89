import { AssayError, type Clock, OutageError, UsageError, withinTime } from '@assay/core'

type FindingLevel = 'ok' | 'warning' | 'failure' | 'skipped'

/** What one look at a part has come to. */
export interface Finding {
  /** What was looked at; several findings may come of one check. */
  readonly check: string
  readonly level: FindingLevel
  /** What was found and what it means, or why it was not looked at. */
  readonly found: string
  /** What to do or type. */
  readonly next: string | null
  /** Stable code of the error behind it. */
  readonly code: string | null
  /** Of what a failure speaks: something wrong, something that can't be reached, or wrong settings. */
  readonly kind: 'wrong' | 'outage' | 'settings' | null
}

const NOTHING = { next: null, code: null, kind: null }

export function ok(check: string, found: string): Finding {
  return { check, level: 'ok', found, ...NOTHING }
}

export function warning(check: string, found: string, next: string): Finding {
  return { check, level: 'warning', found, ...NOTHING, next }
}

export function failure(
  check: string,
  found: string,
  next: string,
  { code = null, kind = 'wrong' }: Partial<Pick<Finding, 'code' | 'kind'>> = {},
): Finding {
  return { check, level: 'failure', found, next, code, kind }
}

export function skipped(check: string, found: string): Finding {
  return { check, level: 'skipped', found, ...NOTHING }
}

/** What a failed look means. */
export function failed(check: string, error: unknown): Finding {
  if (!(error instanceof AssayError)) {
    const said = error instanceof Error ? error.message : String(error)
    return failure(check, `this check failed: ${said}`, 'this is a defect of Assay: please report it', {
      code: 'defect',
    })
  }
  const { code, message, hint = 'see docs/errors.md for this code' } = error
  return failure(check, message, hint, { code, kind: kindOf(error) })
}

/** A part that answers and refuses is reached: work waits for it as for an outage, and yet somebody has to mend it. */
function kindOf(error: AssayError): Finding['kind'] {
  const { code, retryable } = error
  if (/_(denied|refused)$/.test(code)) return 'wrong'
  if (retryable) return 'outage'
  return error instanceof UsageError ? 'settings' : 'wrong'
}

/** Looks within a time: whatever a part does, or does not, the check comes to something. */
export async function within(
  check: string,
  limit_ms: number,
  clock: Clock,
  look: () => Promise<readonly Finding[]>,
): Promise<readonly Finding[]> {
  const late = (): OutageError =>
    new OutageError('no_answer', `no answer within ${limit_ms / 1_000} s`, {
      hint: 'check that it runs, that its address is right, and what stands between here and it',
    })
  try {
    return await withinTime(clock, limit_ms, look, late)
  } catch (error) {
    return [failed(check, error)]
  }
}

/** How a whole examination ended: by the worst that was found. */
export type Verdict = 'fine' | 'wrong' | 'settings' | 'outage'

/** Wrong settings go before all, since other checks looked at what these name; a part that is away goes last. */
export function verdictOf(findings: readonly Finding[]): Verdict {
  const kinds = new Set(findings.filter(({ level }) => level === 'failure').map(({ kind }) => kind))
  if (kinds.has('settings')) return 'settings'
  if (kinds.has('wrong')) return 'wrong'
  return kinds.has('outage') ? 'outage' : 'fine'
}
