import { type Finding, failed, failure, ok } from './finding.js'

/** What a probe of the place of the tables has tried, in order; what failed is the error of it. */
export interface StoreFacts {
  readonly place: string
  readonly list: true | unknown
  readonly write: true | unknown
  /** Whether a second create of one object was refused, as commits need it. */
  readonly isExclusive: boolean | undefined
  readonly read: true | unknown
  readonly remove: true | unknown
}

/** Rights in the lake's place: those to write were tried on an object that is gone again. */
export function judgeStore({ place, list, write, isExclusive, read, remove }: StoreFacts): readonly Finding[] {
  if (list !== true) return [failed('lake', list)]
  if (write !== true) {
    const { found, next, code, kind } = failed('lake rights', write)
    const means = `${place} can be listed, not written to: enough for commands that only read. ${found}`
    return [failure('lake rights', means, next ?? '', { code, kind })]
  }
  const findings: Finding[] = []
  if (read !== true) findings.push(failed('lake rights', read))
  if (isExclusive === false) {
    findings.push(
      failure(
        'lake rights',
        `${place} let two writers create one object: commits would overwrite each other`,
        'use a store whose PUT with "If-None-Match: *" lets exactly one win, or a file system with hard links',
        { code: 'store_not_atomic' },
      ),
    )
  }
  if (remove !== true) {
    const { found, next, code, kind } = failed('lake rights', remove)
    const means = `${place} takes writes and refuses to delete: it grows for ever. ${found}`
    findings.push(failure('lake rights', means, next ?? '', { code, kind }))
  }
  if (findings.length > 0) return findings
  return [ok('lake rights', 'list, read, create, delete; of two creates of one object one is refused')]
}
