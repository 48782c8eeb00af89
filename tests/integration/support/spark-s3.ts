import path from 'node:path'
import { installOnce, run } from '../../../scripts/real-parts-lib/cache.mjs'
import { CannotBeHad, hasMaven } from '../../../scripts/real-parts-lib/machine.mjs'
import type { S3Part } from '../../real-parts/real-parts.js'
import { Spark, type SparkParts, sparkParts } from '../foreign-spark.js'

/** Hadoop's S3 client, of the version that Spark 3.5.7 brings along, and what it stands on. */
const S3A = 'hadoop-aws-3.3.4'
const ARTIFACTS = ['org.apache.hadoop:hadoop-aws:3.3.4', 'com.amazonaws:aws-java-sdk-bundle:1.12.262']

/** What Spark needs to read a lake in a bucket; undefined, with a loud line, when this machine cannot have it. */
export async function sparkS3Parts(): Promise<SparkParts | undefined> {
  const parts = await sparkParts()
  if (!parts) return undefined
  const folder = await installOnce(S3A, async (into) => {
    if (!hasMaven()) throw new CannotBeHad('Maven (mvn) is missing')
    for (const artifact of ARTIFACTS)
      await run('mvn', ['-q', '-B', 'dependency:copy', `-Dartifact=${artifact}`, `-DoutputDirectory=${into}`])
  })
  const jars = ARTIFACTS.map((artifact) => path.join(folder, `${artifact.split(':').slice(1).join('-')}.jar`))
  return { ...parts, jars: [...parts.jars, ...jars] }
}

/** Spark on a lake in a bucket, as on one in a folder: its tables' own metadata files are the catalog. */
export function sparkOnBucket(parts: SparkParts, { endpoint, credentials }: S3Part, location: string): Spark {
  return new Spark(parts, {
    type: 'hadoop',
    warehouse: `${location}/tables`,
    'hadoop.fs.s3.impl': 'org.apache.hadoop.fs.s3a.S3AFileSystem',
    'hadoop.fs.s3a.endpoint': endpoint,
    'hadoop.fs.s3a.path.style.access': 'true',
    'hadoop.fs.s3a.access.key': credentials.accessKeyId,
    'hadoop.fs.s3a.secret.key': credentials.secretAccessKey,
  })
}
