// @ts-check
import path from 'node:path'
import { installOnce, run } from './cache.mjs'
import { CannotBeHad, hasMaven, javaOf } from './machine.mjs'
import { BUCKET, REGION } from './s3.mjs'
import { answersTo } from './server.mjs'

export const WAREHOUSE = 'warehouse'
const VERSION = '0.99.0'
const JAR = `org.projectnessie.nessie:nessie-quarkus:${VERSION}:jar:runner`

/**
 * Nessie, an Iceberg REST catalog, over the S3 store. Its state is kept in a RocksDB folder.
 * @type {import('./server.mjs').Part}
 */
export const catalog = {
  name: 'catalog',
  portNames: ['http', 'management'],

  install() {
    javaOf(21)
    return installOnce(`nessie-${VERSION}`, async (folder) => {
      if (!hasMaven()) throw new CannotBeHad('Maven (mvn) is missing')
      await run('mvn', ['-q', '-B', 'dependency:copy', `-Dartifact=${JAR}`, `-DoutputDirectory=${folder}`])
    })
  },

  async launch({ installed, folder, ports, credentials, s3 }) {
    if (s3 === undefined) throw new Error('the catalog needs the S3 store')
    const properties = {
      'nessie.version.store.persist.rocks.database-path': path.join(folder, 'data'),
      'nessie.catalog.default-warehouse': WAREHOUSE,
      [`nessie.catalog.warehouses.${WAREHOUSE}.location`]: `s3://${BUCKET}/${WAREHOUSE}`,
      'nessie.catalog.service.s3.default-options.endpoint': s3,
      'nessie.catalog.service.s3.default-options.region': REGION,
      'nessie.catalog.service.s3.default-options.path-style-access': 'true',
      // Clients have keys of their own; newer ones cannot use this version's address for signing.
      'nessie.catalog.service.s3.default-options.request-signing-enabled': 'false',
      'nessie.catalog.service.s3.default-options.access-key': 'urn:nessie-secret:quarkus:store',
    }
    const flags = Object.entries(properties).map(([name, value]) => `-D${name}=${value}`)
    return {
      command: javaOf(21),
      args: ['-Xmx512m', ...flags, '-jar', path.join(installed, `nessie-quarkus-${VERSION}-runner.jar`)],
      env: {
        QUARKUS_HTTP_HOST: '127.0.0.1',
        QUARKUS_HTTP_PORT: String(ports.http),
        QUARKUS_MANAGEMENT_HOST: '127.0.0.1',
        QUARKUS_MANAGEMENT_PORT: String(ports.management),
        NESSIE_VERSION_STORE_TYPE: 'ROCKSDB',
        STORE_NAME: credentials.accessKeyId,
        STORE_SECRET: credentials.secretAccessKey,
      },
    }
  },

  answers: (place) => answersTo(`${catalogUrl(place)}/v1/config?warehouse=${WAREHOUSE}`),
}

/** @param {{ ports: Readonly<Record<string, number>> }} place */
export function catalogUrl({ ports }) {
  return `http://127.0.0.1:${ports.http}/iceberg`
}
