import type { Lake } from '@assay/lake'
import { type Finding, failure, ok, warning } from './finding.js'

type Report = Awaited<ReturnType<NonNullable<Lake['registry']['inspect']>>>

/** How the schema that we write would fare under its subject. */
export function judgeSubject(subject: string, { standing, level }: Report): Finding {
  const demands = level === undefined ? '' : `, level ${level}`
  if (standing.kind === 'incompatible') {
    const next =
      'let the producers of that schema use another topic, or delete it from the subject if nothing was written with it'
    return failure('registry', `${subject}: ${standing.detail}`, next, { code: 'schema_incompatible' })
  }
  if (level === 'NONE') {
    const address = `"$ASSAY_REGISTRY_URL/config/${subject}"`
    const next = `curl -X PUT ${address} -H content-type:application/json -d '{"compatibility":"BACKWARD"}'`
    return warning(
      'registry',
      `${subject}: level NONE, so that any schema may follow: what silver can't read becomes dead letters`,
      next,
    )
  }
  switch (standing.kind) {
    case 'registered':
      return ok('registry', `${subject}: our schema has id ${standing.id}${demands}`)
    case 'compatible':
      return ok('registry', `${subject}: our schema can follow the latest one${demands}`)
    case 'absent':
      return ok('registry', `${subject}: not there yet; the feed registers it${demands}`)
  }
}
