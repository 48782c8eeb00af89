/** What keeps the operating system from doing something with a file, as far as an operator can mend it. */
type DiskFault = 'full' | 'denied' | 'too_many_files' | 'failed'

interface Errno {
  readonly fault: DiskFault
  readonly hint: string
  /** What the C library calls it, in the texts of the engine. */
  readonly text: string
}

const FULL_HINT = 'free disk space'
const DENIED_HINT = 'give the process read and write access to the folder'
const FILES_HINT = 'raise the limit of open files (ulimit -n), or end what holds them'
const GONE_HINT = 'put the folder back where it was'
const FAILED_HINT = 'check the disk and the mount of the folder'

const ERRNOS: Readonly<Record<string, Errno>> = {
  ENOSPC: { fault: 'full', hint: FULL_HINT, text: 'No space left on device' },
  EDQUOT: {
    fault: 'full',
    hint: 'raise the disk quota',
    text: 'Disk quota exceeded',
  },
  EFBIG: { fault: 'failed', hint: 'raise the limit of file sizes (ulimit -f)', text: 'File too large' },
  EACCES: { fault: 'denied', hint: DENIED_HINT, text: 'Permission denied' },
  EPERM: {
    fault: 'denied',
    hint: 'a lake needs a file system with hard links, and write access to it',
    text: 'Operation not permitted',
  },
  EROFS: { fault: 'denied', hint: 'mount the folder for writing', text: 'Read-only file system' },
  EMFILE: { fault: 'too_many_files', hint: FILES_HINT, text: 'Too many open files' },
  ENFILE: {
    fault: 'too_many_files',
    hint: 'raise the limit of open files of this machine',
    text: 'Too many open files in system',
  },
  ENOENT: { fault: 'failed', hint: GONE_HINT, text: 'No such file or directory' },
  ENOTDIR: { fault: 'failed', hint: GONE_HINT, text: 'Not a directory' },
  ENODEV: { fault: 'failed', hint: GONE_HINT, text: 'No such device' },
  ENXIO: { fault: 'failed', hint: GONE_HINT, text: 'No such device or address' },
  ESTALE: {
    fault: 'failed',
    hint: 'mount the folder again',
    text: 'Stale file handle',
  },
}

const BY_TEXT = new Map(Object.values(ERRNOS).map((errno) => [errno.text, errno]))

interface DiskFailure {
  readonly fault: DiskFault
  readonly hint: string
}

/** Whether the system's error names its file: what it says of a write to a full disk names none. */
export function namesFile(error: unknown): boolean {
  return error instanceof Error && 'path' in error
}

/** What an errno name such as `ENOSPC` means; one that is not listed is a disk that failed. */
export function diskFailure(errno: string | undefined): DiskFailure {
  return (errno === undefined ? undefined : ERRNOS[errno]) ?? { fault: 'failed', hint: FAILED_HINT }
}

/** The same of a text in which the C library's words for the errno stand last in a line. */
export function diskFailureInText(text: string): DiskFailure {
  const [line = ''] = text.split('\n')
  return BY_TEXT.get(line.slice(line.lastIndexOf(': ') + 2).trim()) ?? { fault: 'failed', hint: FAILED_HINT }
}
