export { absentLog } from './absent-log.js'
export { LogDamageError } from './damage.js'
export type { EventLog, LaneAssignment, LaneStatus, ProducedRange, ReadLimits, ReadResult } from './event-log.js'
export { FileLog, type FileLogLimits, openFileLog } from './file/file-log.js'
export type { FileLogEvent } from './file/file-log-event.js'
export type { FileStat, LogFile, LogFiles } from './file/files/log-files.js'
export { MemoryFiles } from './file/files/memory-files.js'
export type { Owner, OwnerState, Owners } from './file/owner.js'
export type { KafkaLog } from './kafka/kafka-log.js'
export { openKafkaLog } from './kafka/open-kafka-log.js'
export type {
  KafkaEvent,
  KafkaLogOptions,
  KafkaSasl,
  KafkaTls,
  ProducerOptions,
  TopicOptions,
} from './kafka/protocol/kafka-options.js'
export { EVERY_LANE } from './lane-assignment.js'
export { MemoryLog } from './memory-log.js'
export { murmur2, partitionOf } from './partition.js'
export { isUnreadable } from './unreadable.js'
