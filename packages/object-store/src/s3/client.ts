import { UsageError } from '@assay/core'
import { S3Client } from '@aws-sdk/client-s3'
import { defaultProvider } from '@aws-sdk/credential-provider-node'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import type { AnswerJudge } from './answer.js'
import { CheckedHandler } from './checked-handler.js'
import type { S3Limits, S3StoreOptions } from './options.js'

/** The client in use, which is replaced when the store no longer takes its credentials. */
export class ClientSource {
  readonly #make: () => S3Client
  #client: S3Client
  #renewing: Promise<boolean> | undefined

  /** `make` gives a client that reads credentials from where they lie, and nothing kept from before. */
  constructor(make: () => S3Client) {
    this.#make = make
    this.#client = make()
  }

  get client(): S3Client {
    return this.#client
  }

  /**
   * After the store has refused the credentials of `refused`: reads them anew. True if others are there now, so that
   * the request is worth another try. Callers that come at once share one look.
   */
  renew(refused: S3Client): Promise<boolean> {
    if (refused !== this.#client) return Promise.resolve(true)
    this.#renewing ??= this.#replace(refused).finally(() => {
      this.#renewing = undefined
    })
    return this.#renewing
  }

  async #replace(refused: S3Client): Promise<boolean> {
    const made = this.#make()
    const [before, now] = await Promise.all([credentialsOf(refused), credentialsOf(made)])
    if (now === undefined || now === before) {
      made.destroy()
      return false
    }
    // Requests that are under way end with the old one, so it is not destroyed.
    this.#client = made
    return true
  }
}

async function credentialsOf(client: S3Client): Promise<string | undefined> {
  try {
    const { accessKeyId, secretAccessKey, sessionToken } = await client.config.credentials()
    return [accessKeyId, secretAccessKey, sessionToken].join('\n')
  } catch {
    // Credentials that can't be had at the moment are as good as none.
    return undefined
  }
}

/** Clients without retries of their own and with every wait bounded. */
export async function makeClients(
  options: S3StoreOptions,
  limits: S3Limits,
  judge: AnswerJudge,
): Promise<ClientSource> {
  const { endpoint, region, pathStyle } = options
  const make = (chosenRegion: string | undefined) => (): S3Client =>
    new S3Client({
      ...(endpoint !== undefined && { endpoint }),
      ...(chosenRegion !== undefined && { region: chosenRegion }),
      forcePathStyle: pathStyle ?? endpoint !== undefined,
      maxAttempts: 1,
      // An expectation (100-continue) would cost a round trip and a connection of its own for every large body.
      expectContinueHeader: false,
      // The SDK keeps the text of profile files for as long as the process lives, unless told not to.
      credentialDefaultProvider: (init) => defaultProvider({ ...init, ignoreCache: true }),
      requestHandler: new CheckedHandler(
        new NodeHttpHandler({
          connectionTimeout: limits.connect_ms,
          requestTimeout: limits.response_ms,
          throwOnRequestTimeout: true,
          socketTimeout: limits.silence_ms,
          httpAgent: { maxSockets: limits.requestsMax },
          httpsAgent: { maxSockets: limits.requestsMax },
        }),
        judge,
        options.onRequest,
      ),
    })
  const source = new ClientSource(make(region))
  try {
    await source.client.config.region()
    return source
  } catch {
    if (endpoint !== undefined) return new ClientSource(make('us-east-1'))
    throw new UsageError('store_wrong_region', `the region of the bucket ${options.bucket} is not known`, {
      hint: 'set ASSAY_S3_REGION, or AWS_REGION, or a region in the AWS profile',
    })
  }
}
