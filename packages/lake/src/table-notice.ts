import type { TableNotice } from '@assay/iceberg'

/** What an operator should know of a table, with what to do about it. */
export function noticeText(notice: TableNotice): string {
  if (notice.kind === 'moved') {
    return (
      `the tables of this lake say that they lie elsewhere (${notice.table} in ${notice.location}, found in ` +
      `${notice.found}): it was copied or moved, or is mounted elsewhere. Its own files are read, and nothing is ` +
      'written before "assay maintain --relocate" has made this its location'
    )
  }
  const seconds = Math.round(notice.ahead_ms / 1_000)
  return (
    `the newest commit of ${notice.table} is stamped ${seconds} s ahead of this clock: commits go on from there and ` +
    'nothing waits or is deleted because of it; check the clocks of the machines that write'
  )
}

/** Passes notices on, that of a moved lake once for all its tables. */
export function onceMoved(onNotice: (notice: TableNotice) => void): (notice: TableNotice) => void {
  let isTold = false
  return (notice) => {
    if (notice.kind === 'moved' && isTold) return
    isTold ||= notice.kind === 'moved'
    onNotice(notice)
  }
}
