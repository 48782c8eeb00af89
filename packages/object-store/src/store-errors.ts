import { AssayError, OutageError } from '@assay/core'

const OUTAGES: Readonly<Record<string, { code: string; hint: string }>> = {
  ENOSPC: { code: 'store_full', hint: 'free disk space; work goes on by itself afterwards' },
  EDQUOT: { code: 'store_full', hint: 'raise the disk quota; work goes on by itself afterwards' },
  EACCES: { code: 'store_denied', hint: 'give the process read and write access to the lake folder' },
  EPERM: { code: 'store_denied', hint: 'the lake needs a file system with hard links, and write access to it' },
  EROFS: { code: 'store_denied', hint: 'mount the lake for writing' },
  EMFILE: { code: 'store_too_many_files', hint: 'raise the limit of open files (ulimit -n)' },
  ENFILE: { code: 'store_too_many_files', hint: 'raise the limit of open files of this machine' },
}

/** What the file system said, as an error that a caller can handle. Errors of ours pass unchanged. */
export function storeError(cause: unknown, doing: string, key: string): AssayError {
  if (cause instanceof AssayError) return cause
  const errno = errorCode(cause)
  if (errno === 'EEXIST' || errno === 'ENOTDIR' || errno === 'EISDIR') {
    return new AssayError('key_conflict', `${doing} ${key}: an object and a folder can't have the same name`, {
      hint: 'choose a key that is not the folder of another object, nor inside one',
      cause,
    })
  }
  const known = errno === undefined ? undefined : OUTAGES[errno]
  const detail = cause instanceof Error ? cause.message : String(cause)
  return new OutageError(known?.code ?? 'store_failed', `${doing} ${key}: ${detail}`, {
    hint: known?.hint ?? 'check the disk and the lake folder',
    cause,
  })
}

/** Told from an error of the network by the path in it, or by a code that only a disk gives. */
export function isFileSystemError(error: unknown): boolean {
  const code = errorCode(error)
  return code !== undefined && (code in OUTAGES || Object.hasOwn(error as object, 'path'))
}

/** `ENOENT` and its like, or undefined for what isn't an error of the file system. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
