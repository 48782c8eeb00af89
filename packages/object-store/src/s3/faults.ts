import { AssayError, OutageError, UsageError } from '@assay/core'
import { errorCode, isFileSystemError, MISSING_HINT, storeError } from '../store-errors.js'
import { UnreadableAnswer } from './answer.js'

/**
 * What a failed request means. `missing`: no such object or upload. `taken`: the condition of a create was not met.
 * `conflict`: another create of the key is going on (409), neither won nor lost. `busy`: try again; the request may
 * have been done. `denied`: not with these credentials. `refused`: trying again is of no use until somebody has changed
 * something.
 */
type FaultKind = 'missing' | 'taken' | 'conflict' | 'busy' | 'denied' | 'refused'

export interface Fault {
  readonly kind: FaultKind
  readonly code: string
  /** Name and status, never the server's or the library's text: those may quote headers that were signed. */
  readonly detail: string
  readonly hint: string
}

const BUSY_HINT = 'check that the object store runs and can be reached at the endpoint'
const NOT_THE_STORE_HINT =
  'something between here and the object store answers in its place: a proxy, a load balancer, a sign-in page; check the endpoint and the way to it'
const DENIED = {
  kind: 'denied',
  code: 'store_denied',
  hint: 'check the credentials (AWS_ACCESS_KEY_ID and its like, profile or role) and that they may list, read, write and delete in the bucket',
} as const
/** Passes when new credentials are put in place: no mistake in the configuration, also while a store is opened. */
const CREDENTIALS_REFUSED = {
  kind: 'denied',
  code: 'store_credentials_refused',
  hint: 'the credentials are missing, have expired or were replaced: put valid ones in the profile file, or where the role gets them; they are read again with every try. Variables such as AWS_ACCESS_KEY_ID are those of the start: with new ones start again',
} as const
const NO_BUCKET = { kind: 'refused', code: 'store_no_bucket', hint: 'make the bucket, or correct its name' } as const
const WRONG_REGION = {
  kind: 'refused',
  code: 'store_wrong_region',
  hint: 'set the region that the bucket is in, and the endpoint if it is not on AWS',
} as const

const BAD_KEY = { kind: 'refused', code: 'bad_key', hint: 'choose a key that the object store takes' } as const
const KEY_CONFLICT = {
  kind: 'refused',
  code: 'key_conflict',
  hint: 'choose a key that is not the folder of another object, nor inside one',
} as const

/** Errors that need more than their status to be told; names are those of S3's error responses. */
const BY_NAME: Readonly<Record<string, Pick<Fault, 'kind' | 'code' | 'hint'>>> = {
  NoSuchBucket: NO_BUCKET,
  InvalidBucketName: NO_BUCKET,
  PermanentRedirect: WRONG_REGION,
  AuthorizationHeaderMalformed: WRONG_REGION,
  CredentialsProviderError: CREDENTIALS_REFUSED,
  ExpiredToken: CREDENTIALS_REFUSED,
  ExpiredTokenException: CREDENTIALS_REFUSED,
  TokenRefreshRequired: CREDENTIALS_REFUSED,
  InvalidToken: CREDENTIALS_REFUSED,
  InvalidAccessKeyId: CREDENTIALS_REFUSED,
  InvalidClientTokenId: CREDENTIALS_REFUSED,
  UnrecognizedClientException: CREDENTIALS_REFUSED,
  InvalidIdentityToken: CREDENTIALS_REFUSED,
  // MinIO takes fewer keys than AWS: no part of spaces around one or two dots, on some disks none inside another object.
  XMinioInvalidObjectName: BAD_KEY,
  XMinioInvalidResourceName: BAD_KEY,
  XMinioParentIsObject: KEY_CONFLICT,
  XMinioObjectExistsAsDirectory: KEY_CONFLICT,
  KeyTooLongError: BAD_KEY,
  RequestTimeTooSkewed: { ...DENIED, hint: 'set the clock of this machine' },
  RequestTimeout: { kind: 'busy', code: 'store_busy', hint: BUSY_HINT },
  NotImplemented: {
    kind: 'refused',
    code: 'store_lacks_feature',
    hint: 'the server lacks something that was asked for: conditional puts, or encryption by its own or a key service’s keys',
  },
}

/** Judges an error of the SDK; undefined for what is neither the server's, the network's nor the disk's doing. */
export function faultOf(error: unknown): Fault | undefined {
  if (!(error instanceof Error)) return undefined
  if (error instanceof UnreadableAnswer) return unreadableFault(error)
  const status = statusOf(error)
  const code = errorCode(error)
  const detail = [error.name === 'Error' ? undefined : error.name, code, status && `HTTP ${status}`]
    .filter((part) => typeof part === 'string')
    .join(', ')
  const known = BY_NAME[error.name] ?? (status === undefined ? undefined : byStatus(status))
  if (known) return { ...known, detail }
  // The SDK's own errors lack a status when no response came, or one that it could not read.
  const isMistake = (error instanceof TypeError || error instanceof RangeError) && code === undefined
  if (isMistake && !('$response' in error) && !('$metadata' in error)) return undefined
  return { kind: 'busy', code: 'store_unreachable', hint: BUSY_HINT, detail: detail || 'no usable response' }
}

/** What something else than the store has answered says nothing of the request, whatever its status. */
function unreadableFault({ status, message: detail }: UnreadableAnswer): Fault {
  if (isBusy(status)) return { kind: 'busy', code: 'store_busy', hint: BUSY_HINT, detail }
  return { kind: 'busy', code: 'store_answer_unreadable', hint: NOT_THE_STORE_HINT, detail }
}

function isBusy(status: number): boolean {
  return status >= 500 || status === 429 || status === 408
}

function byStatus(status: number): Pick<Fault, 'kind' | 'code' | 'hint'> {
  if (status === 404) return { kind: 'missing', code: 'object_missing', hint: MISSING_HINT }
  if (status === 412) return { kind: 'taken', code: 'object_exists', hint: 'give every data file a name of its own' }
  if (status === 409) return { kind: 'conflict', code: 'store_conflict', hint: 'another create of the key is going on' }
  if (status === 401 || status === 403) return DENIED
  if (status === 301 || status === 307) return WRONG_REGION
  if (isBusy(status)) return { kind: 'busy', code: 'store_busy', hint: BUSY_HINT }
  if (status < 400) return { kind: 'busy', code: 'store_answer_unreadable', hint: BUSY_HINT }
  // To a HEAD, which has no error's name, this may also say that a token has expired.
  const kind = status === 400 ? 'denied' : 'refused'
  return { kind, code: 'store_failed', hint: 'check endpoint, region, bucket and path style' }
}

/** The error for callers. It has no cause: the SDK's errors hold the request with its signed headers. */
export function faultError({ code, detail, hint }: Fault, doing: string, key: string): AssayError {
  const isKeyWrong = code === BAD_KEY.code || code === KEY_CONFLICT.code
  const ErrorType = isKeyWrong ? AssayError : OutageError
  return new ErrorType(code, `${doing} ${key} failed at the object store: ${detail}`, { hint })
}

/** While a store is opened, what somebody has to mend is wrong usage. */
export function openingError(error: unknown): unknown {
  const mendable = ['store_denied', 'store_no_bucket', 'store_wrong_region', 'store_lacks_feature', 'store_failed']
  if (!(error instanceof OutageError) || !mendable.includes(error.code)) return error
  return new UsageError(error.code, error.message, error.hint === undefined ? {} : { hint: error.hint })
}

/** Errors of ours, and of this machine's file system, as they are to be thrown; else undefined. */
export function localError(error: unknown, doing: string, key: string): AssayError | undefined {
  if (error instanceof AssayError) return error
  return isFileSystemError(error) ? storeError(error, doing, key) : undefined
}

function statusOf(error: Error): number | undefined {
  const metadata = '$metadata' in error ? error.$metadata : undefined
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined
}
