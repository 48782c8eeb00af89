import { createAPI, initProducerIdV4, produceV9, Writer } from '@platformatic/kafka'
import type { BrokerConnection } from './connections.js'
import { BrokerError, errorName } from './kafka-errors.js'

const ALL_IN_SYNC = -1

/** Offset of the batch's first record. Throws the broker's answer when it didn't take the batch. */
export async function produceBatch(
  to: BrokerConnection,
  topic: string,
  partition: number,
  batch: Buffer,
  timeout_ms: number,
): Promise<bigint> {
  const write = () =>
    Writer.create()
      .appendString(null)
      .appendInt16(ALL_IN_SYNC)
      .appendInt32(timeout_ms)
      .appendArray([topic], (w) => {
        w.appendString(topic).appendArray([partition], (v) => {
          v.appendInt32(partition).appendBytes(batch)
        })
      })
      .appendTaggedFields()
  const api = createAPI(produceV9.api.key, produceV9.api.version, write, produceV9.parseResponse)
  const response = await api.async(to.connection)
  const found = response.responses[0]?.partitionResponses[0]
  if (found?.errorCode !== 0) throw new BrokerError(errorName(found?.errorCode ?? -1))
  return found.baseOffset
}

export interface ProducerId {
  readonly producerId: bigint
  readonly producerEpoch: number
}

export async function newProducerId(to: BrokerConnection): Promise<ProducerId> {
  const { producerId, producerEpoch } = await initProducerIdV4.api.async(to.connection, null, 0, -1n, -1)
  return { producerId, producerEpoch }
}
