import type { Lake } from '@assay/lake'
import { type Finding, failure, ok, skipped, warning } from './finding.js'
import { listed } from './words.js'

type Log = Lake['log']
type Defined<F> = F extends (...args: never[]) => Promise<infer R> ? NonNullable<R> : never

/** What the log tells of one topic. */
export interface TopicFacts {
  readonly topic: string
  readonly lanes: Awaited<ReturnType<Log['lanes']>>
  /** Of a log on brokers. */
  readonly description?: Defined<NonNullable<Log['describeTopic']>>
  readonly findings?: Defined<NonNullable<Log['inspectTopic']>>
  /** Of the embedded log. */
  readonly files?: Defined<NonNullable<Log['inspectFiles']>>
}

export function judgeTopic(facts: TopicFacts): readonly Finding[] {
  const { topic, lanes } = facts
  if (lanes.length === 0) return [skipped('log', `${topic} is not there yet: who first writes to it makes it`)]
  const found = [
    ...damageIn(facts),
    ...(facts.description ? brokersOn(facts) : []),
    ...(facts.files ? filesOf(facts) : []),
  ]
  for (const { setting, value, severity, message } of facts.findings ?? []) {
    const text = `${topic}: ${setting} is ${value}: ${message}`
    const next = `kafka-configs.sh --alter --entity-type topics --entity-name ${topic} --add-config ${setting}=…`
    found.push(severity === 'refuse' ? failure('log', text, next) : warning('log', text, next))
  }
  return found.length > 0 ? found : [ok('log', `${topic}: ${lanes.length} partitions${keptBy(facts)}`)]
}

function damageIn({ lanes }: TopicFacts): Finding[] {
  return lanes.flatMap(({ lane, lost }) =>
    lost
      ? [
          failure(
            'log',
            `${lane.topic}/${lane.partition}: acknowledged records ${lost.from} to ${lost.to} are not as they were written, and none are taken any more`,
            `assay status, then docs/operations.md, "A damaged log"`,
            { code: 'log_damaged' },
          ),
        ]
      : [],
  )
}

function keptBy({ description }: TopicFacts): string {
  const least = description && Math.min(...description.partitions.map(({ inSync }) => inSync))
  return least === undefined
    ? ''
    : `, ${least} copies in sync, min.insync.replicas ${description?.settings.get('min.insync.replicas')}`
}

function brokersOn({ topic, description }: TopicFacts): Finding[] {
  if (!description) return []
  const { partitions, settings, rights } = description
  const found: Finding[] = []
  const which = (is: (one: (typeof partitions)[number]) => boolean): string[] =>
    partitions.flatMap((one, i) => (is(one) ? [`${topic}/${i}`] : []))
  const least = Number(settings.get('min.insync.replicas') ?? 1)
  const leaderless = which(({ leader }) => leader < 0)
  const short = which(({ leader, inSync }) => leader >= 0 && inSync < least)
  const behind = which(({ leader, inSync, replicas }) => leader >= 0 && inSync >= least && inSync < replicas)
  const single = which(({ replicas }) => replicas === 1)
  if (leaderless.length > 0) {
    found.push(
      failure(
        'log',
        `${listed(leaderless)}: no broker leads it, so it can be neither read nor written`,
        'start the brokers that have its copies',
        {
          kind: 'outage',
        },
      ),
    )
  }
  if (short.length > 0) {
    found.push(
      failure(
        'log',
        `${listed(short)}: fewer copies in sync than min.insync.replicas (${least}): nothing can be written`,
        'start the brokers that are away',
        {
          kind: 'outage',
        },
      ),
    )
  }
  if (behind.length > 0)
    found.push(warning('log', `${listed(behind)}: not all copies are in sync`, 'look why brokers are behind'))
  if (single.length > 0) {
    const next = 'outside of development: three copies, min.insync.replicas 2'
    found.push(warning('log', `${listed(single)}: one copy of each record: it is lost with its disk`, next))
  }
  if (rights?.mayRead === false) {
    found.push(
      failure(
        'log',
        `${topic} may not be read`,
        `kafka-acls.sh --add --allow-principal User:… --consumer --topic ${topic} --group '*'`,
      ),
    )
  }
  if (rights?.mayWrite === false) {
    found.push(
      warning(
        'log',
        `${topic} may be read, not written to: enough unless a feed runs here`,
        `kafka-acls.sh --add --allow-principal User:… --producer --topic ${topic}`,
      ),
    )
  }
  return found
}

function filesOf({ topic, files }: TopicFacts): Finding[] {
  const found: Finding[] = []
  const held = (files?.locks ?? []).filter(({ state }) => state === 'unknown')
  for (const { path, holder } of held) {
    found.push(
      warning(
        'log',
        `${path} is held by ${holder}, which can't be asked from here; writers wait for it`,
        `if it runs no more: rm ${path}`,
      ),
    )
  }
  const aside = files?.putAside ?? []
  if (aside.length > 0) {
    const found_ = `${topic}: ${aside.length} files with bytes that were never acknowledged, or with a damaged description that was replaced: nothing is lost`
    found.push(warning('log', found_, `look at them, then delete them: ${listed(aside, 1)}`))
  }
  return found
}

/** How far the first layer has come in a lane of brokers that delete. */
interface RetentionFacts {
  readonly lane: string
  readonly start: bigint
  readonly end: bigint
  readonly position: bigint
  /** Whether the brokers delete by age or size at all. */
  readonly isLimited: boolean
}

/** Share of what the brokers keep that may wait to be read. */
const UNREAD_SHARE_MAX = 0.5

export function judgeRetention({ lane, start, end, position, isLimited }: RetentionFacts): readonly Finding[] {
  if (position < start) {
    return [
      failure(
        'retention',
        `${lane}: records ${position} to ${start} were deleted before they were read`,
        'assay status gives the command that goes on behind them',
      ),
    ]
  }
  const unread = Number(end - position)
  if (!isLimited || unread <= UNREAD_SHARE_MAX * Number(end - start)) return []
  return [
    warning(
      'retention',
      `${lane}: ${unread} records wait to be read, more than half of what the brokers keep: what they delete first is lost`,
      'raise retention.bytes or retention.ms of the topic, or start more bronze workers',
    ),
  ]
}
