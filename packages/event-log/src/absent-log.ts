import type { EventLog } from './event-log.js'

/** A log that is not there: each of its calls fails with what to do. */
export function absentLog(error: () => Error): EventLog {
  const refuse = async (): Promise<never> => {
    throw error()
  }
  return {
    ensureTopic: refuse,
    lanes: refuse,
    read: refuse,
    produce: refuse,
    waitForRecords: refuse,
    assign: refuse,
    close: async () => undefined,
  }
}
