import { AssayError, diskFailure, OutageError } from '@assay/core'

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
  const { fault, hint } = diskFailure(errno)
  const detail = cause instanceof Error ? cause.message : String(cause)
  return new OutageError(`store_${fault}`, `${doing} ${key}: ${detail}`, { hint, cause })
}

export function objectExists(key: string): AssayError {
  return new AssayError('object_exists', `the object ${key} is there already`, {
    hint: 'give every data file a name of its own',
  })
}

/** What to do about an object that a plan names and the store does not have. */
export const MISSING_HINT =
  'try again: a clean-up may have removed it; if it stays away, restore it from a copy ("assay verify" names all that are missing)'

export function objectMissing(key: string): AssayError {
  return new AssayError('object_missing', `there is no object ${key}`, { hint: MISSING_HINT })
}

/** Codes that only a disk gives, or a process at its limit. */
const DISK_CODES: ReadonlySet<string> = new Set([
  ...['ENOSPC', 'EDQUOT', 'EFBIG', 'EACCES', 'EPERM', 'EROFS', 'EMFILE', 'ENFILE', 'EIO', 'ESTALE'],
])

/** Told from an error of the network by the path in it, or by its code. */
export function isFileSystemError(error: unknown): boolean {
  const code = errorCode(error)
  return code !== undefined && (DISK_CODES.has(code) || Object.hasOwn(error as object, 'path'))
}

/** `ENOENT` and its like, or undefined for what isn't an error of the file system. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
