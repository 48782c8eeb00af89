import { createWriteStream } from 'node:fs'
import { readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { AssayError, OutageError, type Random } from '@assay/core'
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandInput,
  type ListObjectsV2CommandOutput,
  PutObjectCommand,
  type PutObjectCommandInput,
} from '@aws-sdk/client-s3'
import { checkKey, checkPrefix } from '../keys.js'
import type { ObjectEntry, ObjectStore } from '../store.js'
import { objectExists, objectMissing, storeError } from '../store-errors.js'
import { type AnswerJudge, UnreadableAnswer } from './answer.js'
import { faultError } from './faults.js'
import type { FileCache } from './file-cache.js'
import { Gate } from './gate.js'
import { inCodeUnitOrder } from './list-order.js'
import { putInParts } from './multipart.js'
import type { S3Encryption } from './options.js'
import type { Reply, Requests } from './requests.js'

/** Files above this size are uploaded in parts. */
const WHOLE_FILE_BYTES_MAX = 16 * 1024 * 1024
/** Files or parts of files held in memory at once for being uploaded. */
const UPLOADS_AT_ONCE = 4
/** What `get` takes into memory at most; larger objects are read through `localPath`. */
const GET_BYTES_MAX = 1024 ** 3
const FULL_KEY_BYTES_MAX = 1024
/** Metadata of every object that was created on a condition: which call created it. */
const CREATED_BY = 'assay-created-by'

interface S3StoreParts {
  readonly bucket: string
  readonly prefix: string
  readonly sse: S3Encryption | undefined
  readonly requests: Requests
  readonly judge: AnswerJudge
  readonly cache: FileCache
  readonly random: Random
}

/**
 * Objects in a bucket. Creates are `PUT`s with `If-None-Match: *`; a 412 means that the key is taken, a 409 that a
 * rival create is going on, which is tried again. A create that got no answer is tried again, too. After a 412 the object
 * says who made it: each call writes an id of its own into the object's metadata.
 */
export class S3Store implements ObjectStore {
  readonly #bucket: string
  readonly #prefix: string
  readonly #encryption: Partial<PutObjectCommandInput>
  readonly #requests: Requests
  readonly #judge: AnswerJudge
  readonly #cache: FileCache
  readonly #random: Random
  readonly #uploads = new Gate(UPLOADS_AT_ONCE)

  constructor({ bucket, prefix, sse, requests, judge, cache, random }: S3StoreParts) {
    this.#bucket = bucket
    this.#prefix = prefix === '' ? '' : `${prefix}/`
    this.#encryption = encryptionHeaders(sse)
    this.#requests = requests
    this.#judge = judge
    this.#cache = cache
    this.#random = random
  }

  location(key: string): string {
    return `s3://${this.#bucket}/${this.#object(key).Key}`
  }

  /** Engines write the same bucket as s3, s3a and s3n. */
  async isLocationOf(location: string, key: string): Promise<boolean> {
    return location.replace(/^s3[an]:/, 's3:').replace(/\/+$/, '') === this.location(key)
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    const object = this.#object(key)
    const reply = await this.#requests.run('reading', key, async (client) => {
      const { Body, ContentLength = 0 } = await client.send(new GetObjectCommand(object))
      if (ContentLength > GET_BYTES_MAX) {
        if (Body instanceof Readable) Body.destroy()
        throw new AssayError('object_too_large', `the object ${key} has ${ContentLength} bytes`, {
          hint: `up to ${GET_BYTES_MAX} bytes are read into memory; look at who wrote it`,
        })
      }
      const bytes = (await Body?.transformToByteArray()) ?? new Uint8Array()
      checkSize(bytes.length, ContentLength)
      return bytes
    })
    return foundOrMissing(reply, 'reading', key)
  }

  async size_bytes(key: string): Promise<number | undefined> {
    const head = await this.#head(key)
    return head && (head.ContentLength ?? 0)
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    const input = { ...this.#object(key), ...this.#encryption, Body: bytes }
    await this.#requests.done('writing', key, (client) => client.send(new PutObjectCommand(input)))
    await this.#dropCopy(key)
  }

  async putIfAbsent(key: string, bytes: Uint8Array): Promise<'created' | 'exists'> {
    const isCreated = await this.#create(key, (target) =>
      this.#requests.run('creating', key, (client) =>
        client.send(new PutObjectCommand({ ...target, Body: bytes, IfNoneMatch: '*' })),
      ),
    )
    if (!isCreated) return 'exists'
    await this.#dropCopy(key)
    return 'created'
  }

  /** By way of a file, which then is the copy on this machine. */
  async create(key: string, bytes: Uint8Array): Promise<void> {
    const file = join(await this.scratchDirectory(), this.#random.uuid())
    try {
      await writeFile(file, bytes)
      await this.putFile(key, file)
    } catch (error) {
      // One that stays is removed with other scratch files.
      await rm(file, { force: true }).catch(() => undefined)
      throw storeError(error, 'creating', key)
    }
  }

  async putFile(key: string, localPath: string): Promise<void> {
    checkKey(key)
    try {
      const { size } = await stat(localPath)
      const isCreated = await this.#create(key, (target) => this.#upload(key, localPath, size, target))
      if (!isCreated) throw objectExists(key)
      await this.#cache.adopt(key, localPath)
    } catch (error) {
      throw storeError(error, 'moving in', key)
    }
  }

  async localPath(key: string): Promise<string> {
    const object = this.#object(key)
    try {
      return await this.#cache.path(key, async (file) => {
        const reply = await this.#requests.run('fetching', key, async (client) => {
          const { Body, ContentLength } = await client.send(new GetObjectCommand(object))
          if (!(Body instanceof Readable)) throw new UnreadableAnswer(200, 'without bytes')
          await pipeline(Body, createWriteStream(file))
          checkSize((await stat(file)).size, ContentLength)
        })
        if (reply.kind === 'missing') throw objectMissing(key)
        if (reply.kind === 'taken') throw faultError(reply.fault, 'fetching', key)
      })
    } catch (error) {
      throw storeError(error, 'fetching', key)
    }
  }

  async scratchDirectory(): Promise<string> {
    try {
      return await this.#cache.scratchDirectory()
    } catch (error) {
      throw storeError(error, 'making', 'the scratch folder')
    }
  }

  list(prefix: string): AsyncGenerator<ObjectEntry> {
    return inCodeUnitOrder(this.#pages(prefix))
  }

  async delete(key: string): Promise<void> {
    const object = this.#object(key)
    const reply = await this.#requests.run('deleting', key, (client) => client.send(new DeleteObjectCommand(object)))
    if (reply.kind === 'taken') throw faultError(reply.fault, 'deleting', key)
    await this.#dropCopy(key)
  }

  /** Runs a create and says whether the object is this call's. */
  async #create(key: string, send: (target: PutObjectCommandInput) => Promise<Reply<unknown>>): Promise<boolean> {
    const id = this.#random.uuid()
    const reply = await send({ ...this.#object(key), ...this.#encryption, Metadata: { [CREATED_BY]: id } })
    if (reply.kind === 'done') return true
    // Either the key is taken, perhaps by our own attempt, or our upload is gone, perhaps finished. A refusal may be the
    // answer to a request that a proxy made a second time, so it is never taken for a stranger's doing.
    const head = await this.#head(key)
    if (head) return head.Metadata?.[CREATED_BY] === id
    throw new OutageError('store_outcome_unknown', `creating ${key}: the key was taken, and free a moment later`, {
      hint: 'read it back and try again: somebody deletes objects that are being written',
    })
  }

  async #upload(key: string, file: string, size_bytes: number, target: PutObjectCommandInput): Promise<Reply<unknown>> {
    if (size_bytes > WHOLE_FILE_BYTES_MAX) {
      return putInParts(this.#requests, this.#uploads, { key, file, size_bytes, target })
    }
    return this.#uploads.run(async () => {
      const Body = await readFile(file)
      return this.#requests.run('uploading', key, (client) =>
        client.send(new PutObjectCommand({ ...target, Body, IfNoneMatch: '*' })),
      )
    })
  }

  async #head(key: string) {
    const object = this.#object(key)
    const reply = await this.#requests.run('looking up', key, (client) => client.send(new HeadObjectCommand(object)))
    // Anybody's 404 looks like this one, where the server puts no name to its answers; a listing is known by its body.
    if (reply.kind === 'missing' && !this.#judge.knowsHeaders && (await this.#isListed(key))) {
      throw new OutageError(
        'store_answer_unreadable',
        `looking up ${key}: it is listed, and yet was said to be missing`,
        {
          hint: 'look at what stands between here and the object store',
        },
      )
    }
    return foundOrMissing(reply, 'looking up', key)
  }

  async #isListed(key: string): Promise<boolean> {
    // Of all keys that begin like this one it comes first.
    for await (const first of this.#pages(key)) return first.key === key
    return false
  }

  async *#pages(prefix: string): AsyncGenerator<ObjectEntry> {
    checkPrefix(prefix)
    let ContinuationToken: string | undefined
    do {
      const input = { Bucket: this.#bucket, Prefix: this.#prefix + prefix, ContinuationToken }
      const page = await this.#requests.done('listing', prefix || 'the bucket', async (client) => {
        const answer = await client.send(new ListObjectsV2Command(input))
        checkListing(input, answer)
        return answer
      })
      for (const { Key = '', Size = 0, LastModified } of page.Contents ?? []) {
        const key = Key.slice(this.#prefix.length)
        // A shared bucket may hold what is no object of ours, such as the folder markers of consoles.
        if (isKey(key)) yield { key, size_bytes: Size, modified_ms: LastModified?.getTime() ?? 0 }
      }
      ContinuationToken = page.IsTruncated ? page.NextContinuationToken : undefined
    } while (ContinuationToken !== undefined)
  }

  async #dropCopy(key: string): Promise<void> {
    try {
      await this.#cache.drop(key)
    } catch (error) {
      throw storeError(error, 'dropping the copy of', key)
    }
  }

  #object(key: string): { Bucket: string; Key: string } {
    checkKey(key)
    const Key = this.#prefix + key
    if (Buffer.byteLength(Key) <= FULL_KEY_BYTES_MAX) return { Bucket: this.#bucket, Key }
    throw new AssayError('bad_key', `the object key ${key.slice(0, 200)} is too long with the store's prefix`, {
      hint: `S3 takes ${FULL_KEY_BYTES_MAX} bytes; choose a shorter prefix`,
    })
  }
}

function encryptionHeaders(sse: S3Encryption | undefined): Partial<PutObjectCommandInput> {
  if (sse === undefined) return {}
  if (sse === 'AES256') return { ServerSideEncryption: 'AES256' }
  return { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: sse.kmsKeyId }
}

function checkSize(came_bytes: number, told_bytes: number | undefined): void {
  if (came_bytes !== told_bytes) throw new UnreadableAnswer(200, `${told_bytes} bytes were told and ${came_bytes} came`)
}

/** Throws unless the page answers what was asked, in full. */
function checkListing(asked: ListObjectsV2CommandInput, page: ListObjectsV2CommandOutput): void {
  const { Name = asked.Bucket, Prefix = asked.Prefix, IsTruncated, NextContinuationToken, Contents = [] } = page
  const isOther = Name !== asked.Bucket || Prefix !== asked.Prefix
  if (isOther) throw new UnreadableAnswer(200, 'the listing of another place')
  if (IsTruncated && !NextContinuationToken) throw new UnreadableAnswer(200, 'a listing that breaks off')
  for (const { Key, Size } of Contents) {
    if (!Key?.startsWith(asked.Prefix ?? '') || Size === undefined || !(Size >= 0)) {
      throw new UnreadableAnswer(200, 'a listing with other entries than were asked for')
    }
  }
}

function foundOrMissing<T>(reply: Reply<T>, doing: string, key: string): T | undefined {
  if (reply.kind === 'done') return reply.value
  if (reply.kind === 'missing') return undefined
  throw faultError(reply.fault, doing, key)
}

function isKey(text: string): boolean {
  try {
    checkKey(text)
    return true
  } catch {
    return false
  }
}
