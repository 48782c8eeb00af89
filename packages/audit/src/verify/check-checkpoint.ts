import { type LaneKey, parseLaneKey } from '@assay/core'
import { quoteText, type Session } from '@assay/engine'
import type { Lake } from '@assay/lake'
import { isSuperseded, logTopicOf, resumeAt } from '@assay/lake'
import { type Checkpoint, freeLaneId, laneSql, scanSql } from '@assay/pipeline'
import { type CheckList, Findings } from '../check.js'
import type { PinnedScan } from '../pinned/pinned-scan.js'

/** A lane that stands still is a finding: it waits for a person, and everything behind it waits, too. */
export function checkStops(bronze: PinnedScan, checks: CheckList): void {
  const findings = new Findings()
  const { lanes } = bronze.checkpoint
  for (const [key, { stop }] of lanes) {
    if (!stop || isSuperseded(key, bronze.checkpoint)) continue
    findings.add(
      `${key} is stopped (${stop.reason}, offsets ${stop.from} to ${stop.to}): assay gaps accept ${key} --to ${resumeAt(stop)} --note "why"`,
    )
  }
  checks.done({ promise: 'B3', subject: bronze.name, claim: 'no lane stands still' }, { lanes: lanes.size }, findings)
}

/**
 * Every lane's topic is known by its identity and its number in message ids; with the log, it is the topic that is
 * there.
 */
export async function checkTopics(
  { log }: Lake,
  logTopic: string,
  bronze: PinnedScan,
  fromLog: boolean,
  checks: CheckList,
): Promise<void> {
  const { checkpoint } = bronze
  const findings = new Findings()
  const statuses = fromLog ? await log.lanes(logTopic) : []
  findings.add(...wrongLaneIds(checkpoint))
  for (const [key, { stop }] of checkpoint.lanes) {
    const topic = checkpoint.topics[parseLaneKey(key).topic]
    if (!topic) {
      findings.add(`${key} is of a topic that the checkpoint does not know`)
      continue
    }
    if (!key.startsWith(topic.logTopic)) findings.add(`${key} is said to be topic ${topic.logTopic} of the log`)
    if (stop || isSuperseded(key, checkpoint)) continue
    const there = statuses.find(({ lane }) => lane.topic === logTopicOf(key, checkpoint))
    if (there && there.topicId !== topic.topicId) {
      findings.add(`${key} is of topic ${topic.topicId}, the log's ${there.lane.topic} is ${there.topicId}`)
    }
  }
  checks.done(
    { promise: 'chain', subject: bronze.name, claim: 'its topics are the ones that its lanes were read from' },
    { topics: Object.keys(checkpoint.topics).length },
    findings,
  )
}

/** A topic's number is the hash of its name, or the next one that no other topic has. */
function wrongLaneIds({ topics }: Checkpoint): string[] {
  const ids = new Set(Object.values(topics).map(({ laneId }) => laneId))
  const wrong = ids.size < Object.keys(topics).length ? ['two topics have one number in message ids'] : []
  for (const [name, { laneId }] of Object.entries(topics)) {
    const others = Object.fromEntries(Object.entries(topics).filter(([other]) => other !== name))
    const own = freeLaneId(name, {})
    if (laneId !== own && laneId !== freeLaneId(name, others)) {
      wrong.push(`${name} has the number ${laneId} in message ids, not ${own}`)
    }
  }
  return wrong
}

/**
 * No row that a lane has still to read lies in a file that its `sequence` says it has read to the end: such a row would
 * never be read (A12).
 */
export async function checkUnreadRows(
  session: Session,
  down: PinnedScan,
  ups: readonly PinnedScan[],
  checks: CheckList,
): Promise<void> {
  const findings = new Findings()
  let lanes = 0
  for (const up of ups) {
    for (const [key, { position }] of up.checkpoint.lanes) {
      const own = down.checkpoint.lanes.get(key)
      if (!own || own.position >= position) continue
      lanes += 1
      const skipped = await rowsSkipped(session, up, key, own)
      if (skipped > 0n) {
        findings.add(
          `${key}: ${skipped} rows from ${own.position} on lie in files that sequence ${own.sequence} says were read`,
        )
      }
    }
  }
  checks.done(
    {
      promise: 'chain',
      subject: down.name,
      claim: 'what it has still to read lies in files that it has still to read',
    },
    { lanes_behind: lanes },
    findings,
  )
}

async function rowsSkipped(
  session: Session,
  up: PinnedScan,
  key: LaneKey,
  { position, sequence }: { readonly position: bigint; readonly sequence: number },
): Promise<bigint> {
  const files = await up.files(
    {},
    ({ fileSequenceNumber }) => (fileSequenceNumber ?? Number.POSITIVE_INFINITY) <= sequence,
  )
  if (files.length === 0) return 0n
  const lane = laneSql(up.definition)
  const [row] = await session.rows(
    `SELECT count(*) AS n FROM (${scanSql(up.definition, files)}) WHERE ${lane.offset} >= ${position} AND ${lane.key} = ${quoteText(key)}`,
  )
  return row?.n as bigint
}
