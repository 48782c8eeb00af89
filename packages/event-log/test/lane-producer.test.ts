import { type Clock, type ProduceBatch, seededRandom, systemClock } from '@assay/core'
import type { Writer } from '@platformatic/kafka'
import { describe, expect, it } from 'vitest'
import type { Cluster, Topic } from '../src/kafka/cluster.js'
import { LaneProducer } from '../src/kafka/lane-producer.js'
import type { BrokerConnection } from '../src/kafka/protocol/connections.js'
import { BrokerError, isPassing, kafkaError } from '../src/kafka/protocol/kafka-errors.js'
import { readKafkaOptions } from '../src/kafka/protocol/kafka-options.js'
import { numbered } from './records.js'

const lane = { topic: 't', partition: 0 }
const topic: Topic = { name: 't', id: 'id', clusterId: 'c', leaders: [{ node: 1, epoch: 0 }] }
const BATCH_BYTES = 1_000_000

/** What a batch says of its producer and of its records: producer, epoch, first sequence number, records. */
type Sent = readonly [producer: bigint, epoch: number, sequence: number, records: number]

/** What a broker does with a batch: takes it, takes it and says nothing or something else, or refuses it. */
type Deed = 'take' | 'take, and say nothing' | { readonly says: string; readonly isTaken?: boolean }

/** As much of a broker and its cluster as a producer of one lane sees: it keeps sequences as Kafka does. */
class FakeBroker {
  readonly sent: Sent[] = []
  /** Records of each batch that is in the log, in order. */
  readonly log: number[] = []
  deeds: Deed[] = []
  readonly cluster: Cluster
  #producers = 0n
  readonly #taken = new Map<string, bigint>()
  #end = 0n

  constructor(retries = 5) {
    const clock: Clock = { ...systemClock, now_ms: Date.now, sleep: async () => undefined }
    const settings = readKafkaOptions({ brokers: ['h:1'], clock, random: seededRandom(1) })
    const connection = { send: (...args: unknown[]) => this.#send(args[2] as () => Writer, args.at(-1) as Answered) }
    const to = { connection } as unknown as BrokerConnection
    const retry = async <T>(doing: string, step: (isLater: boolean) => Promise<T>): Promise<T> => {
      for (let tried = 1; ; tried += 1) {
        try {
          return await step(tried > 1)
        } catch (error) {
          if (!isPassing(error) || tried === retries) throw kafkaError(error, doing)
        }
      }
    }
    const onAny = async () => ({ producerId: ++this.#producers, producerEpoch: 0 })
    const onLeader = <T>(_topic: Topic, _lane: unknown, _purpose: string, step: (to: BrokerConnection) => Promise<T>) =>
      step(to)
    this.cluster = { settings, retry, onAny, onLeader, topic: async () => topic } as unknown as Cluster
  }

  #send(payload: () => Writer, answered: Answered): void {
    const batch = batchIn(payload().buffer)
    const found: Sent = [batch.readBigInt64BE(43), batch.readInt16BE(51), batch.readInt32BE(53), batch.readInt32BE(57)]
    this.sent.push(found)
    const deed = this.deeds.shift() ?? 'take'
    const isTaken = typeof deed === 'string' || deed.isTaken === true
    const name = found.slice(0, 3).join(' ')
    const before = this.#taken.get(name)
    if (isTaken && before === undefined) {
      this.#taken.set(name, this.#end)
      this.#end += BigInt(found[3])
      this.log.push(found[3])
    }
    const baseOffset = before ?? this.#taken.get(name)
    if (deed === 'take, and say nothing') answered(new Error('the connection was lost'))
    else if (typeof deed === 'object') answered(new BrokerError(deed.says))
    else answered(null, { responses: [{ partitionResponses: [{ errorCode: 0, baseOffset }] }] })
  }
}

/** The one batch of a produce request: behind the transaction, acks, time-out, topic, partition and its own length. */
function batchIn(request: Buffer): Buffer {
  let at = 1 + 2 + 4 + 1 + 2 + 1 + 4
  while ((request[at++] as number) > 0x7f);
  return request.subarray(at)
}

type Answered = (error: Error | null, response?: unknown) => void

function append(producer: LaneProducer, count: number): ReturnType<LaneProducer['append']> {
  const batch: ProduceBatch = numbered('v', count)
  return producer.append(
    batch,
    Uint32Array.from({ length: count }, (_, i) => i),
    BATCH_BYTES,
  )
}

describe('a producer of one lane', () => {
  it('T15: numbers its records one after the other, over all batches', async () => {
    const broker = new FakeBroker()
    const producer = new LaneProducer(broker.cluster, lane)
    const ranges = []
    for (const count of [3, 1, 5]) ranges.push(...(await append(producer, count)))
    expect(broker.sent).toEqual([
      [1n, 0, 0, 3],
      [1n, 0, 3, 1],
      [1n, 0, 4, 5],
    ])
    expect(ranges).toEqual([
      { from: 0n, to: 3n },
      { from: 3n, to: 4n },
      { from: 4n, to: 9n },
    ])
  })

  it.each<[string, Deed]>([
    ['nothing', 'take, and say nothing'],
    ['that it took too long', { says: 'REQUEST_TIMED_OUT', isTaken: true }],
    ['that too few copies have it', { says: 'NOT_ENOUGH_REPLICAS_AFTER_APPEND', isTaken: true }],
    ['that it leads no more', { says: 'NOT_LEADER_OR_FOLLOWER' }],
  ])(
    'failure 1: a batch of which the broker said %s is sent again under its number, and written once',
    async (_name, deed) => {
      const broker = new FakeBroker()
      const producer = new LaneProducer(broker.cluster, lane)
      await append(producer, 2)
      broker.deeds = [deed, deed]
      expect(await append(producer, 3)).toEqual([{ from: 2n, to: 5n }])
      await append(producer, 1)
      expect(broker.sent.map(([, , sequence, records]) => [sequence, records])).toEqual([
        [0, 2],
        [2, 3],
        [2, 3],
        [2, 3],
        [5, 1],
      ])
      expect(broker.log).toEqual([2, 3, 1])
    },
  )

  it('failure 1: one that the broker has forgotten starts anew, where nothing of the batch can have been written', async () => {
    const broker = new FakeBroker()
    const producer = new LaneProducer(broker.cluster, lane)
    await append(producer, 2)
    broker.deeds = [{ says: 'UNKNOWN_PRODUCER_ID' }]
    expect(await append(producer, 3)).toEqual([{ from: 2n, to: 5n }])
    await append(producer, 1)
    expect(broker.sent.slice(1)).toEqual([
      [1n, 0, 2, 3],
      [2n, 0, 0, 3],
      [2n, 0, 3, 1],
    ])
    expect(broker.log).toEqual([2, 3, 1])
  })

  it.each<[string, Deed]>([
    ['a lost answer', 'take, and say nothing'],
    ['a time-out', { says: 'REQUEST_TIMED_OUT', isTaken: true }],
    ['a write with too few copies', { says: 'NOT_ENOUGH_REPLICAS_AFTER_APPEND', isTaken: true }],
  ])(
    'failure 1: one that is forgotten after %s tells the caller: a second write would be a copy',
    async (_name, deed) => {
      const broker = new FakeBroker()
      const producer = new LaneProducer(broker.cluster, lane)
      broker.deeds = [deed, { says: 'OUT_OF_ORDER_SEQUENCE_NUMBER' }]
      await expect(append(producer, 3)).rejects.toMatchObject({ message: expect.stringContaining('OUT_OF_ORDER') })
      expect(broker.log).toEqual([3])
      // What comes next is not numbered on from what nobody knows.
      await append(producer, 2)
      expect(broker.sent.at(-1)).toEqual([2n, 0, 0, 2])
    },
  )

  it('failure 1: one that gave up begins anew, and only the calls of the batch in hand fail', async () => {
    const broker = new FakeBroker(2)
    const producer = new LaneProducer(broker.cluster, lane)
    await append(producer, 1)
    broker.deeds = [{ says: 'REQUEST_TIMED_OUT' }, { says: 'REQUEST_TIMED_OUT' }]
    const first = append(producer, 2)
    await expect(first).rejects.toThrow('REQUEST_TIMED_OUT')
    expect(await append(producer, 4)).toEqual([{ from: 1n, to: 5n }])
    expect(broker.sent.at(-1)).toEqual([2n, 0, 0, 4])
  })
})
