// @ts-check
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { installOnce, run } from './cache.mjs'
import { CannotBeHad, hasMaven, javaOf } from './machine.mjs'

const VERSION = '4.3.1'
const ANSWER_MS = 5_000
const PROJECT = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>assay</groupId>
  <artifactId>kafka</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${VERSION}</version></dependency>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>${VERSION}</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
`

/**
 * Apache Kafka, one KRaft node that is broker and controller.
 * @type {import('./server.mjs').Part}
 */
export const kafka = {
  name: 'kafka',
  portNames: ['broker', 'controller'],

  install() {
    javaOf(17)
    return installOnce(`kafka-${VERSION}`, async (folder) => {
      if (!hasMaven()) throw new CannotBeHad('Maven (mvn) is missing')
      await writeFile(path.join(folder, 'pom.xml'), PROJECT)
      const output = `-DoutputDirectory=${path.join(folder, 'lib')}`
      await run('mvn', ['-q', '-B', 'dependency:copy-dependencies', '-DincludeScope=runtime', output], { cwd: folder })
    })
  },

  async launch(place) {
    const java = javaOf(17)
    const classpath = path.join(place.installed, 'lib', '*')
    const properties = path.join(place.folder, 'server.properties')
    const data = path.join(place.folder, 'data')
    await writeFile(properties, propertiesText({ ...serverProperties(place, data), ...place.properties }))
    if (!existsSync(path.join(data, 'meta.properties'))) {
      // An id may begin with a dash.
      const id = randomBytes(16).toString('base64url')
      await run(java, ['-cp', classpath, 'kafka.tools.StorageTool', 'format', `--cluster-id=${id}`, '-c', properties])
    }
    return { command: java, args: ['-Xmx1g', '-cp', classpath, 'kafka.Kafka', properties] }
  },

  async answers(place) {
    const { Kafka, logLevel } = (await import('kafkajs')).default
    const client = new Kafka({
      brokers: [`127.0.0.1:${place.ports.broker}`],
      logLevel: logLevel.NOTHING,
      requestTimeout: ANSWER_MS,
      retry: { retries: 0 },
    })
    const admin = client.admin()
    try {
      await admin.connect()
      return (await admin.describeCluster()).brokers.length === 1
    } finally {
      await admin.disconnect()
    }
  },
}

/**
 * @param {import('./server.mjs').Place} place
 * @param {string} data
 */
function serverProperties({ ports }, data) {
  const listener = `PLAINTEXT://127.0.0.1:${ports.broker}`
  return {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${ports.controller}`,
    listeners: `${listener},CONTROLLER://127.0.0.1:${ports.controller}`,
    'advertised.listeners': listener,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'log.dirs': data,
    'offsets.topic.replication.factor': '1',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'group.initial.rebalance.delay.ms': '0',
    'auto.create.topics.enable': 'false',
    // After a crash the broker is refused until its former session has ended.
    'broker.session.timeout.ms': '3000',
    'broker.heartbeat.interval.ms': '500',
  }
}

/** @param {Readonly<Record<string, string>>} properties */
function propertiesText(properties) {
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}
