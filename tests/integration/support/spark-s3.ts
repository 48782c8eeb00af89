import type { Lake } from '@assay/runtime'
import type { S3Part } from '../../real-parts/real-parts.js'
import { Spark, type SparkParts } from '../foreign-spark.js'

/**
 * Spark on the tables of a lake in a bucket, as they stand: Iceberg's own S3 client reads them, and each is registered by
 * its metadata file in a catalog that lives in the session's memory.
 */
export async function sparkOnBucket(parts: SparkParts, s3: S3Part, lake: Lake): Promise<Spark> {
  const spark = new Spark(parts, {
    'catalog-impl': 'org.apache.iceberg.inmemory.InMemoryCatalog',
    'io-impl': 'org.apache.iceberg.aws.s3.S3FileIO',
    's3.endpoint': s3.endpoint,
    's3.path-style-access': 'true',
    's3.access-key-id': s3.credentials.accessKeyId,
    's3.secret-access-key': s3.credentials.secretAccessKey,
  })
  try {
    await spark.sql('CREATE NAMESPACE lake.market_data')
    for (const definition of lake.definitions) {
      const { version } = await (await lake.table(definition)).pin()
      const table = `table => 'market_data.${definition.name}', metadata_file => '${version.metadataLocation}'`
      await spark.sql(`CALL lake.system.register_table(${table})`)
    }
    return spark
  } catch (error) {
    await spark.close()
    throw error
  }
}
