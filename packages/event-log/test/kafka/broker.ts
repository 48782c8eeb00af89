import { execFileSync, spawn } from 'node:child_process'
import { pbkdf2Sync } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { systemClock, systemRandom } from '@assay/core'
import { alterUserScramCredentialsV0, Connection } from '@platformatic/kafka'
import kafkajs from 'kafkajs'
import { PARTS } from '../../../../scripts/real-parts-lib/parts.mjs'
import { freePorts, Server } from '../../../../scripts/real-parts-lib/server.mjs'
import { newCredentials } from '../../../../scripts/real-parts-lib/surroundings.mjs'
import { openKafkaLog } from '../../src/index.js'
import type { KafkaLog } from '../../src/kafka/kafka-log.js'
import type { KafkaLogOptions } from '../../src/kafka/protocol/kafka-options.js'

const USER = 'reader'
const PASSWORD = 'correct horse'
const SCRAM_ITERATIONS = 4096

/** A broker with a listener for each way in; `server` has `kill`, `restart`, `pause` and `resume`. */
export interface Broker {
  readonly server: Server
  readonly plain: string
  readonly sasl: string
  readonly tls: string
  /** Certificate of the authority that signed the broker's. */
  readonly ca: string
  readonly user: string
  readonly password: string
  stop(): Promise<void>
}

export async function startBroker(): Promise<Broker> {
  const folder = mkdtempSync(path.join(tmpdir(), 'assay-kafka-'))
  const ports = await freePorts(['broker', 'controller', 'sasl', 'tls'])
  const at = (name: keyof typeof ports): string => `127.0.0.1:${ports[name]}`
  const place = {
    installed: await PARTS.kafka.install(),
    folder,
    ports,
    credentials: newCredentials(),
    properties: properties(at, makeCertificates(folder)),
  }
  const server = new Server(PARTS.kafka, place, { detached: false })
  await server.start()
  await addScramUser(Number(ports.broker))
  return {
    server,
    plain: at('broker'),
    sasl: at('sasl'),
    tls: at('tls'),
    ca: readFileSync(path.join(folder, 'ca.pem'), 'utf8'),
    user: USER,
    password: PASSWORD,
    async stop() {
      await server.kill()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function properties(
  at: (name: 'broker' | 'controller' | 'sasl' | 'tls') => string,
  keystore: string,
): Record<string, string> {
  const jaas = 'org.apache.kafka.common.security'
  const listener = 'listener.name.sasl_plaintext'
  const client = `PLAINTEXT://${at('broker')},SASL_PLAINTEXT://${at('sasl')},SSL://${at('tls')}`
  return {
    listeners: `${client},CONTROLLER://${at('controller')}`,
    'advertised.listeners': client,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,SSL:SSL',
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER',
    [`${listener}.plain.sasl.jaas.config`]: `${jaas}.plain.PlainLoginModule required user_${USER}="${PASSWORD}";`,
    [`${listener}.scram-sha-256.sasl.jaas.config`]: `${jaas}.scram.ScramLoginModule required;`,
    [`${listener}.scram-sha-512.sasl.jaas.config`]: `${jaas}.scram.ScramLoginModule required;`,
    [`${listener}.oauthbearer.sasl.jaas.config`]: `${jaas}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";`,
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': keystore,
    'offsets.topic.num.partitions': '1',
    'transaction.state.log.num.partitions': '1',
    'log.cleaner.backoff.ms': '100',
    'group.min.session.timeout.ms': '500',
    'message.max.bytes': '60000000',
  }
}

/**
 * A certificate for 127.0.0.1 and the authority that signed it; gives the file with the broker's key and certificate.
 */
function makeCertificates(folder: string): string {
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
  }
  const rsa = ['-newkey', 'rsa:2048', '-nodes', '-days', '2']
  openssl('req', '-x509', ...rsa, '-subj', '/CN=test authority', '-keyout', 'ca.key', '-out', 'ca.pem')
  writeFileSync(path.join(folder, 'san'), 'subjectAltName=IP:127.0.0.1')
  openssl('req', ...rsa, '-subj', '/CN=127.0.0.1', '-keyout', 'broker.key', '-out', 'broker.csr')
  openssl(
    'x509',
    '-req',
    '-in',
    'broker.csr',
    '-CA',
    'ca.pem',
    '-CAkey',
    'ca.key',
    '-CAcreateserial',
    '-days',
    '2',
    '-extfile',
    'san',
    '-out',
    'broker.pem',
  )
  const keystore = path.join(folder, 'keystore.pem')
  writeFileSync(
    keystore,
    readFileSync(path.join(folder, 'broker.key'), 'utf8') + readFileSync(path.join(folder, 'broker.pem'), 'utf8'),
  )
  return keystore
}

async function addScramUser(port: number): Promise<void> {
  const connection = new Connection('test')
  await connection.connect('127.0.0.1', port)
  const salt = Buffer.from('some salt')
  const digests = [
    { mechanism: 1, bytes: 32, digest: 'sha256' },
    { mechanism: 2, bytes: 64, digest: 'sha512' },
  ]
  for (const { mechanism, bytes, digest } of digests) {
    const saltedPassword = pbkdf2Sync(PASSWORD, salt, SCRAM_ITERATIONS, bytes, digest)
    const credential = { name: USER, mechanism, iterations: SCRAM_ITERATIONS, salt, saltedPassword }
    await alterUserScramCredentialsV0.api.async(connection, [], [credential])
  }
  await connection.close()
}

/** A token that anybody may make for himself, as brokers without a token service take it. */
export function unsecuredToken(subject: string, now_ms: number): string {
  const part = (json: object): string => Buffer.from(JSON.stringify(json)).toString('base64url')
  const now_s = Math.floor(now_ms / 1000)
  return `${part({ alg: 'none' })}.${part({ sub: subject, iat: now_s, exp: now_s + 600 })}.`
}

export function openAt(broker: string, options: Partial<KafkaLogOptions> = {}): Promise<KafkaLog> {
  return openKafkaLog({ brokers: [broker], clock: systemClock, random: systemRandom, ...options })
}

export function peer(broker: string): kafkajs.Kafka {
  return new kafkajs.Kafka({ brokers: [broker], logLevel: kafkajs.logLevel.NOTHING })
}

/** Runs one of Kafka's own tools with lines as its input; gives what it prints. */
export async function javaTool(broker: Broker, tool: string, args: readonly string[], input = ''): Promise<string> {
  const classpath = path.join(broker.server.place.installed, 'lib', '*')
  const child = spawn('java', ['-Xmx256m', '-cp', classpath, tool, ...args], { stdio: ['pipe', 'pipe', 'pipe'] })
  const parts: Buffer[] = []
  child.stdout.on('data', (part: Buffer) => parts.push(part))
  const errors: Buffer[] = []
  child.stderr.on('data', (part: Buffer) => errors.push(part))
  child.stdin.end(input)
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`${tool} ended with ${code}: ${Buffer.concat(errors)}`)
  return Buffer.concat(parts).toString()
}
