import { type Lake, type LakeParts, openLake, statusReport } from '@assay/lake'
import type { ExamineRequest } from './examine-request.js'
import { type Finding, skipped, within } from './judge/finding.js'
import { judgeRetention, type TopicFacts } from './judge/log.js'
import { judgeSize, type LakeSize } from './judge/size.js'
import { judgeLanes, judgePause, judgeTables, judgeWriters } from './judge/tables.js'
import { sizeOfLake } from './probe/size.js'
import { isPaused, lookAtTables } from './probe/tables.js'

const OPEN_MS = 15_000
const TABLES_MS = 15_000
const PATIENCE_MS = 5_000
const CHECKS = ['tables', 'versions', 'pause', 'lanes', 'size']

interface Looked {
  readonly canUse: { readonly store: boolean; readonly catalog: boolean; readonly log: boolean }
  readonly topics: readonly TopicFacts[]
}

interface Told {
  readonly findings: readonly Finding[]
  readonly size: LakeSize | undefined
}

/** Looks at the tables by what can be used of the parts, and at the lanes where the log can. */
export async function examineTables(
  parts: LakeParts,
  { canUse, topics }: Looked,
  request: ExamineRequest,
): Promise<Told> {
  const away = [...(canUse.store ? [] : ['the lake']), ...(canUse.catalog ? [] : ['the catalog'])]
  if (away.length > 0)
    return { findings: CHECKS.map((check) => skipped(check, `${away.join(' and ')} can't be read`)), size: undefined }
  const { clock, random } = request
  const moved = new Map<string, string>()
  const usable: LakeParts = {
    ...parts,
    registry: { kind: 'embedded' },
    ...(!canUse.log && { log: { kind: 'absent' } as const }),
  }
  let lake: Lake | undefined
  const opened = await within('tables', OPEN_MS, clock, async () => {
    lake = await openLake({
      parts: usable,
      clock,
      random,
      access: 'read',
      patience_ms: PATIENCE_MS,
      onTableNotice: (notice) => notice.kind === 'moved' && moved.set(notice.table, notice.location),
    })
    return []
  })
  if (!lake) return { findings: opened, size: undefined }
  const open = lake
  try {
    const limit = (check: string, look: () => Promise<readonly Finding[]>) => within(check, TABLES_MS, clock, look)
    const tables = await limit('tables', async () => {
      const facts = await lookAtTables(open, moved)
      return [...judgeTables(facts), ...judgeWriters(facts)]
    })
    const pause = await limit('pause', async () => [judgePause(await isPaused(open))])
    const lanes = canUse.log
      ? await limit('lanes', () => lookAtLanes(open, topics))
      : [skipped('lanes', 'the log was not read')]
    const measured = await measure(open, parts, request)
    return { findings: [...tables, ...pause, ...lanes, ...measured.findings], size: measured.size }
  } finally {
    await open.close()
  }
}

async function lookAtLanes(lake: Lake, topics: readonly TopicFacts[]): Promise<readonly Finding[]> {
  const { lanes, stops } = await statusReport(lake)
  const [first] = lake.layers
  const retention = topics.flatMap(({ lanes: inLog, description }) =>
    inLog.flatMap(({ lane, start, end }) => {
      const name = `${lane.topic}/${lane.partition}`
      const read = lanes.find((one) => one.lane === name && one.layer === first?.name)
      const isLimited = ['retention.ms', 'retention.bytes'].some(
        (setting) => (description?.settings.get(setting) ?? '-1') !== '-1',
      )
      const isStopped = stops.some((stop) => stop.lane === name)
      return read && !isStopped ? judgeRetention({ lane: name, start, end, position: read.position, isLimited }) : []
    }),
  )
  return [...judgeLanes(lanes, stops, lake.clock.now_ms()), ...retention]
}

/** A bucket of millions of objects is not listed to its end. */
async function measure(lake: Lake, parts: LakeParts, { clock }: ExamineRequest): Promise<Told> {
  const over = new AbortController()
  let size: LakeSize | undefined
  const findings = await within('size', TABLES_MS, clock, async () => {
    const ends = clock.sleep(TABLES_MS / 2, over.signal).then(() => over.abort())
    size = await sizeOfLake(lake, parts, over.signal)
    over.abort()
    await ends
    return [
      size ? judgeSize(size) : skipped('size', `it has too many files to be listed within ${TABLES_MS / 2_000} s`),
    ]
  })
  over.abort()
  return { findings, size }
}
