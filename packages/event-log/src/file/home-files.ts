import type { LogFiles } from './files/log-files.js'

/** The folder that a log lies in. It may go away while the log is open: renamed, or not mounted any more. */
export interface LogHome {
  /** Makes it if need be, but not to read, and only the first time; later it has to be there still. */
  open(access: 'read' | 'write'): Promise<void>
  /** Throws an OutageError while the folder is away. */
  assertThere(): Promise<void>
  /** Makes a folder below it, with the folders between; true when it was not there. Throws as `assertThere` does. */
  make(folder: string): Promise<boolean>
}

/** The same files, of which none is called missing, and none is made, while their home is away. */
export function filesIn(home: LogHome, files: LogFiles): LogFiles {
  const found = async <T>(step: Promise<T | undefined>): Promise<T | undefined> => {
    const result = await step
    if (result === undefined) await home.assertThere()
    return result
  }
  return {
    ...files,
    open: (path, access) => found(files.open(path, access)),
    readAll: (path) => found(files.readAll(path)),
    stat: (path) => found(files.stat(path)),
    async names(folder) {
      const names = await files.names(folder)
      if (names.length === 0) await home.assertThere()
      return names
    },
    makeFolder: (folder) => home.make(folder),
    async create(path) {
      await home.assertThere()
      return files.create(path)
    },
    async link(from, to) {
      const outcome = await files.link(from, to)
      if (outcome === 'no_source') await home.assertThere()
      return outcome
    },
  }
}
