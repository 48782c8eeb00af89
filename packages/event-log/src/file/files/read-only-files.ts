import { UsageError } from '@assay/core'
import type { LogFiles } from './log-files.js'

/** The same files for somebody who only reads: nothing is made, changed or locked. */
export function readOnlyFiles(files: LogFiles): LogFiles {
  const refuse = async (): Promise<never> => {
    throw new UsageError('lake_read_only', 'the event log was opened to read only, and is to be written', {
      hint: 'this is a defect of a command that should only read: please report it',
    })
  }
  return {
    open: (path) => files.open(path, 'read'),
    readAll: (path) => files.readAll(path),
    stat: (path) => files.stat(path),
    statNow: (path) => files.statNow(path),
    names: (folder) => files.names(folder),
    create: refuse,
    makeFolder: refuse,
    // A process that only reads passes nothing on that must outlive a loss of power.
    syncFolder: async () => undefined,
    link: refuse,
    rename: refuse,
    remove: refuse,
  }
}
