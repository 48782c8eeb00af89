import { open } from 'node:fs/promises'
import { OutageError } from '@assay/core'
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  type CreateMultipartUploadCommandInput,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { UnreadableAnswer } from './answer.js'
import type { Gate } from './gate.js'
import type { Reply, Requests } from './requests.js'

/** S3's own limits: parts of at least 5 MiB but the last, at most 10,000 of them. */
const PART_BYTES = 8 * 1024 * 1024
const PARTS_MAX = 10_000

interface Upload {
  readonly key: string
  readonly file: string
  readonly size_bytes: number
  /** Bucket, full key, encryption and metadata. */
  readonly target: CreateMultipartUploadCommandInput
}

/**
 * Creates an object from a large file in parts, unless the key is taken. `parts` bounds how many parts are in memory.
 * An upload that did not come to its end is aborted; where even that fails, the bucket's lifecycle rule for
 * incomplete uploads has to remove it. A 409 at the end means that all parts would have to be sent again: an outage.
 */
export async function putInParts(requests: Requests, parts: Gate, upload: Upload): Promise<Reply<unknown>> {
  const { key, target } = upload
  const where = { Bucket: target.Bucket, Key: target.Key }
  const UploadId = await requests.done('starting the upload of', key, async (client) => {
    const created = await client.send(new CreateMultipartUploadCommand({ ...target, ChecksumAlgorithm: 'CRC32' }))
    if (!created.UploadId) throw new UnreadableAnswer(200, 'an upload without an id')
    return created.UploadId
  })
  const id = { ...where, UploadId }
  let isCompleted = false
  try {
    const Parts = await sendParts(requests, parts, upload, id)
    const reply = await requests.run('finishing the upload of', key, async (client) => {
      const command = new CompleteMultipartUploadCommand({ ...id, MultipartUpload: { Parts }, IfNoneMatch: '*' })
      const { ETag } = await client.send(command)
      if (!ETag) throw new UnreadableAnswer(200, 'without an ETag')
    })
    isCompleted = reply.kind === 'done'
    return reply
  } finally {
    // After an unanswered finish, too: it either happened, and this does nothing, or never will.
    if (!isCompleted) {
      await requests
        .run('aborting the upload of', key, (c) => c.send(new AbortMultipartUploadCommand(id)))
        .catch(ignore)
    }
  }
}

async function sendParts(
  requests: Requests,
  gate: Gate,
  { key, file, size_bytes }: Upload,
  id: { Bucket: string | undefined; Key: string | undefined; UploadId: string },
): Promise<CompletedPart[]> {
  const part_bytes = Math.max(PART_BYTES, Math.ceil(size_bytes / PARTS_MAX))
  const handle = await open(file, 'r')
  let isFailed = false
  const send = async (index: number): Promise<CompletedPart | undefined> => {
    if (isFailed) return undefined
    const from = index * part_bytes
    const Body = Buffer.allocUnsafe(Math.min(part_bytes, size_bytes - from))
    const { bytesRead } = await handle.read(Body, 0, Body.length, from)
    if (bytesRead < Body.length)
      throw new OutageError('store_failed', `${file} became shorter while it was uploaded`, {
        hint: 'another program writes into ASSAY_WORK_DIR: give the process a folder of its own',
      })
    const { ChecksumCRC32, ETag } = await requests.done('uploading', key, (client) =>
      client.send(new UploadPartCommand({ ...id, PartNumber: index + 1, Body, ChecksumAlgorithm: 'CRC32' })),
    )
    return { PartNumber: index + 1, ...(ETag && { ETag }), ...(ChecksumCRC32 && { ChecksumCRC32 }) }
  }
  try {
    const indices = Array.from({ length: Math.ceil(size_bytes / part_bytes) }, (_, i) => i)
    const sending = indices.map((index) =>
      gate
        .run(() => send(index))
        .catch((error: unknown) => {
          isFailed = true
          throw error
        }),
    )
    // All parts have ended before the file is closed and the upload aborted.
    const ended = await Promise.allSettled(sending)
    return ended.flatMap((part) => {
      if (part.status === 'rejected') throw part.reason
      return part.value ?? []
    })
  } finally {
    await handle.close()
  }
}

function ignore(): void {}
