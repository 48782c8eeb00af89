import { UsageError } from '@assay/core'

const PARTITIONS_MAX = 10_000

/** Throws `bad_topic` unless Kafka would take the name and 1 to 10,000 partitions are asked for. */
export function checkTopic(topic: string, partitions: number): void {
  if (!isTopicName(topic)) {
    throw new UsageError('bad_topic', `${JSON.stringify(topic)} can't be the name of a topic`, {
      hint: 'use 1 to 249 of the characters a-z A-Z 0-9 . _ -, and neither "." nor ".."',
    })
  }
  if (!Number.isInteger(partitions) || partitions < 1 || partitions > PARTITIONS_MAX) {
    throw new UsageError('bad_topic', `${topic} can't have ${partitions} partitions`, {
      hint: `choose 1 to ${PARTITIONS_MAX} partitions`,
    })
  }
}

/** Names that can't be a topic's are simply unknown to readers. */
export function isTopicName(topic: string): boolean {
  return /^[a-zA-Z0-9._-]{1,249}$/.test(topic) && topic !== '.' && topic !== '..'
}
