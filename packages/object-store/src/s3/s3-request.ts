/** What a request to an S3 store is for; the names of its API in short. */
export type S3Operation =
  | 'get'
  | 'head'
  | 'put'
  | 'list'
  | 'delete'
  | 'create_upload'
  | 'upload_part'
  | 'complete_upload'
  | 'abort_upload'

export const S3_OPERATIONS: readonly S3Operation[] = [
  'get',
  'head',
  'put',
  'list',
  'delete',
  'create_upload',
  'upload_part',
  'complete_upload',
  'abort_upload',
]

/** How one request ended, each attempt by itself. `unreadable`: answered, but not by the store. */
export type S3RequestOutcome =
  | 'ok'
  | 'missing'
  | 'exists'
  | 'refused'
  | 'throttled'
  | 'failed'
  | 'unreadable'
  | 'no_answer'

/** Called with every request, repeated ones included. */
export type OnS3Request = (operation: S3Operation, outcome: S3RequestOutcome) => void

interface RequestLine {
  readonly method: string
  readonly query?: Readonly<Record<string, unknown>> | undefined
}

export function operationOf({ method, query = {} }: RequestLine): S3Operation {
  const has = (name: string): boolean => Object.hasOwn(query, name)
  switch (method) {
    case 'PUT':
      return has('uploadId') ? 'upload_part' : 'put'
    case 'POST':
      return has('uploadId') ? 'complete_upload' : 'create_upload'
    case 'DELETE':
      return has('uploadId') ? 'abort_upload' : 'delete'
    case 'HEAD':
      return 'head'
    default:
      return has('list-type') ? 'list' : 'get'
  }
}

/** What a status that the store itself has given means for the count of requests. */
export function outcomeOfStatus(status: number): S3RequestOutcome {
  if (status < 300) return 'ok'
  if (status === 404) return 'missing'
  if (status === 409 || status === 412) return 'exists'
  if (status === 429 || status === 503) return 'throttled'
  return status >= 500 || status === 408 ? 'failed' : 'refused'
}
