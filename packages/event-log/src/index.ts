export { absentLog } from './absent-log.js'
export { LogDamageError } from './damage.js'
export type {
  EventLog,
  LaneShare,
  LaneStatus,
  ProducedRange,
  ReadLimits,
  ReadResult,
  TopicFinding,
} from './event-log.js'
export { FileLog, type FileLogLimits, type FileLogOptions, openFileLog } from './file/file-log.js'
export type { FileLogEvent } from './file/file-log-event.js'
export type { FileStat, LogFile, LogFiles } from './file/log-files.js'
export { type FileWrite, MemoryFiles, type WriteFate } from './file/memory-files.js'
export type { Owner, OwnerState, Owners } from './file/owner.js'
export type { KafkaLog } from './kafka/kafka-log.js'
export type {
  KafkaEvent,
  KafkaLogLimits,
  KafkaLogOptions,
  KafkaSasl,
  KafkaTls,
  ProducerOptions,
  Secret,
  TopicOptions,
} from './kafka/kafka-options.js'
export { openKafkaLog } from './kafka/open-kafka-log.js'
export { EVERY_LANE } from './lane-share.js'
export { MemoryLog, type MemoryLogOptions } from './memory-log.js'
export { murmur2, partitionOf } from './partition.js'
export type { ProduceLimits } from './plan.js'
export { isUnreadable } from './unreadable.js'
