import { systemClock, systemRandom } from '@assay/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openKafkaLog } from '../src/index.js'
import { assignRanges, readAssignment, writeAssignment } from '../src/kafka/protocol/group-protocol.js'

const rest = { clock: systemClock, random: systemRandom }

describe('options of the Kafka log', () => {
  it('lists every mistake at once, without showing secrets', async () => {
    const failed = openKafkaLog({
      ...rest,
      brokers: ['kafka', 'a:0', '[::1]:9092'],
      sasl: { mechanism: 'PLAIN', username: '', password: 'hunter2' },
      limits: { poll_ms: 0 },
    })
    const message =
      '"kafka" is not the host:port of a broker; "a:0" is not the host:port of a broker; ' +
      'poll_ms must be a whole number from 1 on; SASL PLAIN needs a username'
    await expect(failed).rejects.toMatchObject({ code: 'bad_kafka_options', name: 'UsageError', message })
  })

  it('needs a broker', async () => {
    await expect(openKafkaLog({ ...rest, brokers: [] })).rejects.toThrow('name one broker at least')
  })

  it('says that nobody answers, as an outage', async () => {
    const failed = openKafkaLog({ ...rest, brokers: ['127.0.0.1:1'], limits: { retry_ms_max: 50 } })
    await expect(failed).rejects.toMatchObject({ code: 'log_failed', retryable: true })
  })
})

describe('lanes of a group', () => {
  it('are shared out whole, each to one member, evenly', () => {
    const members = fc.uniqueArray(fc.string(), { minLength: 1, maxLength: 12 })
    fc.assert(
      fc.property(members, fc.integer({ min: 0, max: 60 }), (ids, partitions) => {
        const assigned = assignRanges(ids, partitions)
        expect([...assigned.keys()].toSorted()).toEqual(ids.toSorted())
        const counts = [...assigned.values()].map((own) => own.length)
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1)
        const all = [...assigned.values()].flat()
        expect(all.toSorted((a, b) => a - b)).toEqual(Array.from({ length: partitions }, (_, i) => i))
        for (const own of assigned.values()) expect(readAssignment(writeAssignment('t', own), 't')).toEqual(own)
      }),
      { seed: 4 },
    )
  })
})
