import type { Clock } from '@assay/core'
import type { Lake } from '@assay/lake'
import type { TopicFacts } from '../judge/log.js'

type Log = Lake['log']
/** A lock that is held twice in a row by one owner, so long apart, is not one of a write that goes on. */
const AGAIN_MS = 250

/** What the log tells of a topic, without changing it. */
export async function lookAtTopic(log: Log, topic: string, clock: Clock): Promise<TopicFacts> {
  const [lanes, description] = await Promise.all([log.lanes(topic), log.describeTopic?.(topic)])
  if (lanes.length === 0) return { topic, lanes }
  const findings = await log.inspectTopic?.(topic)
  const files = log.inspectFiles && (await heldFiles(() => log.inspectFiles?.(topic), clock))
  return { topic, lanes, ...(description && { description }), ...(findings && { findings }), ...(files && { files }) }
}

async function heldFiles(
  look: () => Promise<TopicFacts['files']> | undefined,
  clock: Clock,
): Promise<TopicFacts['files']> {
  const first = await look()
  if (!first?.locks.some(({ state }) => state === 'unknown')) return first
  await clock.sleep(AGAIN_MS)
  const second = await look()
  const before = new Set(first.locks.map(({ path, holder }) => `${path} ${holder}`))
  return second && { ...second, locks: second.locks.filter(({ path, holder }) => before.has(`${path} ${holder}`)) }
}
