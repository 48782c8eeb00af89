import { AssayError, type Lane, laneKey, OutageError } from '@assay/core'
import { AuthenticationError, MultipleErrors, ProtocolError, protocolErrorsCodesById } from '@platformatic/kafka'

const DENIED =
  /_AUTHORIZATION_FAILED$|^SASL_AUTHENTICATION_FAILED$|^UNSUPPORTED_SASL_MECHANISM$|^ILLEGAL_SASL_STATE$|^SECURITY_DISABLED$/

/** Answers that another try, on newer metadata, may turn into a better one. */
const PASSING = new Set([
  'LEADER_NOT_AVAILABLE',
  'NOT_LEADER_OR_FOLLOWER',
  'REQUEST_TIMED_OUT',
  'BROKER_NOT_AVAILABLE',
  'REPLICA_NOT_AVAILABLE',
  'NETWORK_EXCEPTION',
  'COORDINATOR_LOAD_IN_PROGRESS',
  'COORDINATOR_NOT_AVAILABLE',
  'NOT_COORDINATOR',
  'NOT_ENOUGH_REPLICAS',
  'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  'NOT_CONTROLLER',
  'KAFKA_STORAGE_ERROR',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_LEADER_EPOCH',
  'OFFSET_NOT_AVAILABLE',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'UNKNOWN_TOPIC_ID',
  'INCONSISTENT_TOPIC_ID',
  'THROTTLING_QUOTA_EXCEEDED',
])

/** Kafka's name of an error in a response, such as `NOT_LEADER_OR_FOLLOWER`. */
export function errorName(code: number): string {
  return protocolErrorsCodesById[code as keyof typeof protocolErrorsCodesById] ?? `error ${code}`
}

/** A broker said no. `name` is Kafka's; never leaves this folder. */
export class BrokerError extends Error {
  readonly answer: string

  constructor(answer: string) {
    super(`the broker answered ${answer}`)
    this.answer = answer
  }
}

export function checkAnswer(code: number): void {
  if (code !== 0) throw new BrokerError(errorName(code))
}

/** Kafka's name of the first error that a broker's answer had, if it was the broker who said no. */
export function answerOf(error: unknown): string | undefined {
  if (error instanceof BrokerError) return error.answer
  if (error instanceof ProtocolError) return String(error.apiId)
  if (error instanceof MultipleErrors) return error.errors.map(answerOf).find((answer) => answer !== undefined)
  return undefined
}

/** False for what no other try can change. An error without an answer is the connection's. */
export function isPassing(error: unknown): boolean {
  if (error instanceof AssayError || isDenied(error)) return false
  const answer = answerOf(error)
  return answer === undefined || PASSING.has(answer)
}

function isDenied(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    const answer = answerOf(at)
    if (at instanceof AuthenticationError || (answer !== undefined && DENIED.test(answer))) return true
  }
  return false
}

/**
 * What the client or the broker said, as an error that a caller can handle; ours pass unchanged. Only the text of
 * the innermost error is kept: what a library hangs on its errors may hold requests, and these secrets.
 */
export function kafkaError(error: unknown, doing: string): AssayError {
  if (error instanceof AssayError) return error
  const message = `${doing}: ${reasonOf(error)}`
  if (isDenied(error)) {
    return new OutageError('log_denied', message, {
      hint: "check the credentials and the user's rights on the topic and group",
    })
  }
  return new OutageError('log_failed', message, { hint: 'check the brokers, their addresses, and the network' })
}

function reasonOf(error: unknown): string {
  let reason = String(error)
  for (let at = error; at instanceof Error; at = at.cause) {
    const [first] = at instanceof AggregateError ? at.errors : []
    reason = answerOf(at) ?? (first instanceof Error ? first.message : at.message)
    if (at instanceof AuthenticationError) break
  }
  return reason
}

export function logCorrupt(lane: Lane, offset: bigint, message: string): AssayError {
  return new AssayError('log_corrupt', `${laneKey(lane)} at offset ${offset}: ${message}`, {
    hint: "the broker's copy of the batch is damaged: mend it from a replica, or accept its offsets as lost",
  })
}

export function batchTooLarge(lane: Lane, offset: bigint, message: string): AssayError {
  return new AssayError('batch_too_large', `${laneKey(lane)} at offset ${offset}: ${message}`, {
    hint: 'raise the limit batch_bytes_max if this is no attack; only this lane waits',
  })
}

export function oldFormat(lane: Lane, offset: bigint, message: string): AssayError {
  return new AssayError('log_format_unsupported', `${laneKey(lane)} at offset ${offset}: ${message}`, {
    hint: 'only message format 2 (Kafka 0.11 and later) is read: copy the topic with a current producer',
  })
}
