import type { TableNotice } from '@assay/iceberg'

/** What an operator should know of a table, with what to do about it. */
export function noticeText(notice: TableNotice): string {
  const seconds = Math.round(notice.ahead_ms / 1_000)
  return (
    `the newest commit of ${notice.table} is stamped ${seconds} s ahead of this clock: commits go on from there and ` +
    'nothing waits or is deleted because of it; check the clocks of the machines that write'
  )
}
