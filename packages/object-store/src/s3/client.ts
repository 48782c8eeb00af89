import { UsageError } from '@assay/core'
import { S3Client } from '@aws-sdk/client-s3'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import type { S3Limits, S3StoreOptions } from './options.js'

/** A client without retries of its own and with every wait bounded. */
export async function makeClient(options: S3StoreOptions, limits: S3Limits): Promise<S3Client> {
  const { endpoint, region, pathStyle } = options
  const client = (chosenRegion: string | undefined): S3Client =>
    new S3Client({
      ...(endpoint !== undefined && { endpoint }),
      ...(chosenRegion !== undefined && { region: chosenRegion }),
      forcePathStyle: pathStyle ?? endpoint !== undefined,
      maxAttempts: 1,
      // It would cost a round trip and a connection of its own for every large body.
      expectContinueHeader: false,
      requestHandler: new NodeHttpHandler({
        connectionTimeout: limits.connect_ms,
        requestTimeout: limits.response_ms,
        throwOnRequestTimeout: true,
        socketTimeout: limits.silence_ms,
        httpAgent: { maxSockets: limits.requestsMax },
        httpsAgent: { maxSockets: limits.requestsMax },
      }),
    })
  const made = client(region)
  try {
    await made.config.region()
    return made
  } catch {
    if (endpoint !== undefined) return client('us-east-1')
    throw new UsageError('store_wrong_region', 'the region of the bucket is not known', {
      hint: 'set the region, or AWS_REGION, or a region in the AWS profile',
    })
  }
}
