// @ts-check
import { rm } from 'node:fs/promises'
import path from 'node:path'
import { installOnce, run } from './cache.mjs'
import { CannotBeHad, hasMaven, javaOf } from './machine.mjs'
import { answersTo } from './server.mjs'

const VERSION = '3.3.3'
const ARCHIVE = `io.apicurio:apicurio-registry-app:${VERSION}:tar.gz:all`

/**
 * Apicurio Registry, which speaks the Confluent API. Its schemas are kept in an H2 file.
 * @type {import('./server.mjs').Part}
 */
export const registry = {
  name: 'registry',
  portNames: ['http', 'management'],

  install() {
    javaOf(21)
    return installOnce(`apicurio-${VERSION}`, async (folder) => {
      if (!hasMaven()) throw new CannotBeHad('Maven (mvn) is missing')
      const file = path.join(folder, `apicurio-registry-app-${VERSION}-all.tar.gz`)
      await run('mvn', ['-q', '-B', 'dependency:copy', `-Dartifact=${ARCHIVE}`, `-DoutputDirectory=${folder}`])
      await run('tar', ['-xzf', file, '-C', folder])
      await rm(file)
    })
  },

  async launch({ installed, folder, ports }) {
    return {
      command: javaOf(21),
      args: ['-Xmx512m', '-jar', path.join(installed, 'quarkus-run.jar')],
      env: {
        QUARKUS_HTTP_HOST: '127.0.0.1',
        QUARKUS_HTTP_PORT: String(ports.http),
        QUARKUS_MANAGEMENT_HOST: '127.0.0.1',
        QUARKUS_MANAGEMENT_PORT: String(ports.management),
        APICURIO_STORAGE_KIND: 'sql',
        APICURIO_STORAGE_SQL_KIND: 'h2',
        // Without the delay, what was registered last survives a crash.
        APICURIO_DATASOURCE_URL: `jdbc:h2:file:${path.join(folder, 'schemas')};WRITE_DELAY=0`,
      },
    }
  },

  answers: (place) => answersTo(`${registryUrl(place)}/subjects`),
}

/** @param {{ ports: Readonly<Record<string, number>> }} place */
export function registryUrl({ ports }) {
  return `http://127.0.0.1:${ports.http}/apis/ccompat/v7`
}
