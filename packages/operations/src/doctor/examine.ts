import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { UsageError } from '@assay/core'
import { isLakeThere, type LakeParts, readConfig, readLakeParts, type ServiceConfig } from '@assay/lake'
import { examineParts } from './examine-parts.js'
import type { ExamineRequest } from './examine-request.js'
import { examineTables } from './examine-tables.js'
import { type Finding, failure, ok, skipped, type Verdict, verdictOf, warning, within } from './judge/finding.js'
import type { LakeSize } from './judge/size.js'
import { lookAtLeftOvers } from './probe/left-overs.js'
import { lookAtDisks, lookAtEngine, lookAtMemory, lookAtNode, lookAtOpenFiles } from './probe/machine.js'

export interface Examination {
  readonly findings: readonly Finding[]
  /** Undefined where the lake could not be measured, or not in time. */
  readonly size: LakeSize | undefined
  readonly verdict: Verdict
}

const LOCAL_MS = 10_000
const MEMORY_BYTES_UNSAID = 256 * 2 ** 20

/** What depends on parts that settings or a missing lake keep from being looked at. */
const LAKE_CHECKS = [
  'lake rights',
  'clock',
  'catalog',
  'log',
  'registry',
  'tables',
  'lanes',
  'versions',
  'pause',
  'size',
]

/**
 * Looks at the machine and at everything that the settings point at, and changes nothing but a probe object that is
 * removed again. Each check ends within seconds, whatever a part does.
 */
export async function examine(request: ExamineRequest): Promise<Examination> {
  const scratch = await mkdtemp(join(tmpdir(), 'assay-doctor-'))
  try {
    return await examineIn(scratch, request)
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

async function examineIn(scratch: string, request: ExamineRequest): Promise<Examination> {
  const { findings: settings, config, parts } = readAll(request)
  const machine = await examineMachine(scratch, request, config, parts)
  const before = [...machine, ...settings]
  if (!parts) return ended([...before, ...skippedAll('the settings are wrong')], undefined)
  const there = await within('lake', LOCAL_MS, request.clock, () => lookForLake(parts))
  if (there.some(({ level }) => level !== 'ok')) {
    return ended([...before, ...there, ...skippedAll('there is no lake to look at')], undefined)
  }
  const looked = await examineParts(scratch, parts, request)
  const { findings, size } = await examineTables(parts, looked, request)
  return ended([...before, ...there, ...looked.findings, ...findings], size)
}

function ended(findings: readonly Finding[], size: LakeSize | undefined): Examination {
  return { findings, size, verdict: verdictOf(findings) }
}

function skippedAll(why: string): Finding[] {
  return LAKE_CHECKS.map((check) => skipped(check, why))
}

interface ReadSettings {
  readonly findings: readonly Finding[]
  readonly config: ServiceConfig | undefined
  readonly parts: LakeParts | undefined
}

/** Every mistake is a finding; the parts are looked at all the same where mistakes are none of theirs. */
function readAll({ env, location }: ExamineRequest): ReadSettings {
  const given = { ...env, ASSAY_LAKE: location }
  const set = Object.keys(env).filter((name) => name.startsWith('ASSAY_')).length
  try {
    const config = readConfig(given)
    return { findings: [ok('settings', `${set} set, the others as they are without`)], config, parts: config.parts }
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    const next = error.hint ?? 'docs/configuration.md lists every setting'
    const findings = error.message
      .split('\n')
      .map((mistake) => failure('settings', mistake, next, { code: error.code, kind: 'settings' }))
    return { findings, config: undefined, parts: partsOf(given) }
  }
}

function partsOf(env: ExamineRequest['env']): LakeParts | undefined {
  try {
    return readLakeParts(env, undefined)
  } catch {
    return undefined
  }
}

async function examineMachine(
  scratch: string,
  { clock }: ExamineRequest,
  config: ServiceConfig | undefined,
  parts: LakeParts | undefined,
): Promise<readonly Finding[]> {
  const places = {
    ...(parts?.store.kind === 'folder' && { lake: parts.store.directory }),
    ...(parts?.workDirectory !== undefined && { 'work folder': parts.workDirectory }),
    'temporary files': tmpdir(),
  }
  const looks: readonly (readonly [string, () => Promise<Finding[]>])[] = [
    ['node', lookAtNode],
    ['engine', () => lookAtEngine(join(scratch, 'duckdb'))],
    ['memory', () => lookAtMemory(config?.memory_bytes ?? MEMORY_BYTES_UNSAID)],
    ['open files', lookAtOpenFiles],
    ['disk', () => lookAtDisks(places)],
    ['left over', () => lookAtLeftOvers([parts?.workDirectory ?? tmpdir()], clock.now_ms())],
  ]
  const found = await Promise.all(looks.map(([check, look]) => within(check, LOCAL_MS, clock, look)))
  return found.flat()
}

async function lookForLake(parts: LakeParts): Promise<Finding[]> {
  if (await isLakeThere(parts)) return [ok('lake', parts.location)]
  return [
    warning(
      'lake',
      `there is no lake in ${parts.location} yet`,
      'assay up makes one; name the one you mean with --lake',
    ),
  ]
}
