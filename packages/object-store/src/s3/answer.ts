import type { S3Operation } from './s3-request.js'

/** A response as far as it tells who gave it. */
export interface Answer {
  readonly status: number
  /** Headers by name in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /**
   * Of answers that are XML if the store gave them; undefined where the body is an object's, or not to be looked at.
   */
  readonly text: string | undefined
}

/** An answer that the store did not give: a proxy's page, a cut body, another server's. What was asked may be done. */
export class UnreadableAnswer extends Error {
  readonly status: number

  constructor(status: number, why: string) {
    super(`HTTP ${status}, ${why}`)
    this.name = 'UnreadableAnswer'
    this.status = status
  }
}

/** Root elements of answers that have a body when all went well. */
const ROOTS: Partial<Record<S3Operation, string>> = {
  list: 'ListBucketResult',
  create_upload: 'InitiateMultipartUploadResult',
  complete_upload: 'CompleteMultipartUploadResult',
}

const STATUS_OK: Readonly<Record<S3Operation, readonly number[]>> = {
  get: [200],
  head: [200],
  put: [200],
  list: [200],
  delete: [204, 200],
  create_upload: [200],
  upload_part: [200],
  complete_upload: [200],
  abort_upload: [204, 200],
}

/** Codes of S3's errors that answer a question; other servers have errors of the same form. */
const CODES_WITH_STATUS: Readonly<Record<number, RegExp>> = {
  404: /^NoSuch(Key|Bucket|Upload|Version)$/,
  412: /^PreconditionFailed$/,
}

const NAMESPACE_OF_S3 = /^https?:\/\/(doc\.)?s3\.amazonaws\.com\//

/** True where the body of this answer is XML, if the store gave it. */
export function hasXmlBody(operation: S3Operation, status: number): boolean {
  if (operation === 'head') return false
  return status >= 300 || ROOTS[operation] !== undefined
}

/**
 * Knows the store by what only it sends. Answers with a body are told by their XML. The others carry S3's request id,
 * if this server gives one at all: whether it does is learnt from its XML answers.
 */
export class AnswerJudge {
  #givesRequestIds: boolean | undefined
  /** What the store calls itself. */
  server = ''

  /** False on a server whose answers without a body can't be told from anybody's. */
  get knowsHeaders(): boolean {
    return this.#givesRequestIds === true
  }

  /**
   * Throws an `UnreadableAnswer` for what the store can't have sent. `sentChecksum`: the CRC-32 sent with a put, which
   * a server that keeps it says again.
   */
  check(operation: S3Operation, answer: Answer, sentChecksum?: string): void {
    if (answer.status >= 300) this.#checkError(operation, answer)
    else if (!STATUS_OK[operation].includes(answer.status)) throw unreadable(answer, `no answer to ${operation}`)
    else if (ROOTS[operation] !== undefined) this.#checkXml(ROOTS[operation], answer)
    else this.#checkHeaders(operation, answer, sentChecksum)
  }

  #checkXml(root: string, answer: Answer): void {
    // S3 may begin a long answer before it knows that the request fails.
    if (!isXml(answer.text, root) && errorCodeIn(answer.text) === undefined) throw unreadable(answer, `without ${root}`)
    this.#learn(answer)
  }

  #checkHeaders(operation: S3Operation, answer: Answer, sentChecksum: string | undefined): void {
    const { status, headers } = answer
    if (this.#givesRequestIds) {
      if (!hasRequestId(answer)) throw unreadable(answer, 'without S3’s request id')
    } else checkNoPage(answer)
    if (operation === 'delete' || operation === 'abort_upload') {
      if (status !== 204 && !this.knowsHeaders) throw unreadable(answer, 'which any server gives')
      return
    }
    if (!headers.etag) throw unreadable(answer, 'without an ETag')
    // A body without a length ends where the connection does: a cut one would look whole.
    if (operation === 'get' || operation === 'head') {
      if (!/^\d+$/.test(headers['content-length'] ?? '')) throw unreadable(answer, 'without the size of the object')
      return
    }
    const kept = headers['x-amz-checksum-crc32']
    if (kept !== undefined && sentChecksum !== undefined && kept !== sentChecksum) {
      throw unreadable(answer, 'with the checksum of other bytes')
    }
  }

  #checkError(operation: S3Operation, answer: Answer): void {
    const { status, text } = answer
    if (operation === 'head') {
      if (this.#givesRequestIds && !hasRequestId(answer)) throw unreadable(answer, 'without S3’s request id')
      return
    }
    const code = errorCodeIn(text)
    if (code === undefined) throw unreadable(answer, 'without an error of S3')
    const known = CODES_WITH_STATUS[status]
    if (known && !known.test(code)) throw unreadable(answer, `with the code ${code.slice(0, 60)}, which is none of S3`)
    if (known && hasRequestId(answer)) this.#learn(answer)
  }

  /** An answer that has proved itself says how the others are to be known. */
  #learn(answer: Answer): void {
    this.#givesRequestIds = hasRequestId(answer)
    this.server = answer.headers.server ?? ''
  }
}

/** All that can be told of an answer on a server that puts no name to them. */
function checkNoPage(answer: Answer): void {
  const { headers } = answer
  if (/^text\/html\b/i.test(headers['content-type'] ?? '')) throw unreadable(answer, 'a page')
  if (headers.etag?.startsWith('W/')) throw unreadable(answer, 'with the ETag of a page')
}

function hasRequestId({ headers }: Answer): boolean {
  return headers['x-amz-request-id'] !== undefined || headers['x-amz-id-2'] !== undefined
}

/** The code in an error of S3, `<Error><Code>…`; undefined if the text is none. */
function errorCodeIn(text: string | undefined): string | undefined {
  if (!isXml(text, 'Error')) return undefined
  return /<Code>\s*([A-Za-z0-9._-]+)\s*<\/Code>/.exec(text as string)?.[1]
}

/** A whole document of this root, with no namespace or S3's. */
function isXml(text: string | undefined, root: string): boolean {
  const begin = /^\s*(?:<\?xml[^>]*\?>\s*)?<([A-Za-z]+)((?:\s[^>]*)?)(\/?)>/.exec(text?.replace(/^\ufeff/, '') ?? '')
  if (!begin || begin[1] !== root) return false
  const namespace = /\sxmlns="([^"]*)"/.exec(begin[2] ?? '')?.[1]
  if (namespace !== undefined && namespace !== '' && !NAMESPACE_OF_S3.test(namespace)) return false
  return begin[3] !== '/' && (text ?? '').trimEnd().endsWith(`</${root}>`)
}

function unreadable({ status, headers }: Answer, why: string): UnreadableAnswer {
  const type = headers['content-type']?.replace(/[^\w/+.;= -]/g, '').slice(0, 60)
  return new UnreadableAnswer(status, `${type ? `${type}, ` : ''}${why}`)
}
