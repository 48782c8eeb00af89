import type { KafkaLog } from './kafka-log.js'
import type { KafkaLogOptions } from './protocol/kafka-options.js'

/**
 * Connects to Kafka (3.1 or later). Throws `bad_kafka_options` with every mistake in the options, and an
 * `OutageError` when no broker lets us in. Only who calls it pays for loading the client, half a second.
 */
export async function openKafkaLog(options: KafkaLogOptions): Promise<KafkaLog> {
  const { connectKafkaLog } = await import('./kafka-log.js')
  return connectKafkaLog(options)
}
