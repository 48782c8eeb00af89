import { existsSync, readFileSync } from 'node:fs'
import { exchanges } from '@assay/exchanges'
import { readConfig } from '@assay/lake'
import { LAYERS, REF_SYMBOLS_TABLE, tablesOf } from '@assay/medallion'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'

interface Service {
  readonly image: string
  readonly build?: string
  readonly command?: readonly string[]
  readonly entrypoint?: readonly string[]
  readonly environment?: Readonly<Record<string, string | number>>
  readonly user?: string
  readonly ports?: readonly string[]
  readonly read_only?: boolean
  readonly healthcheck?: unknown
  readonly deploy?: { readonly resources?: { readonly limits?: Readonly<Record<string, string>> } }
}

const root = new URL('../', import.meta.url)
const compose = parse(readFileSync(new URL('docker-compose.yml', root), 'utf8'), {
  merge: true,
  maxAliasCount: -1,
}) as {
  readonly services: Readonly<Record<string, Service>>
}
const services = Object.entries(compose.services)
const ours = services.filter(([, { image }]) => image.startsWith('assay:'))

interface Policy {
  readonly Statement: readonly { readonly Action: readonly string[]; readonly Resource: readonly string[] }[]
}

function mayWrite(role: string, key: string): boolean {
  const policy = JSON.parse(readFileSync(new URL(`deploy/object-store/policies/${role}.json`, root), 'utf8')) as Policy
  const resources = policy.Statement.filter(({ Action }) => Action.includes('s3:PutObject')).flatMap(
    ({ Resource }) => Resource,
  )
  return resources.some((resource) => {
    const [prefix = '', more = ''] = resource.replace('arn:aws:s3:::assay/lake/', '').split('*')
    return key.startsWith(prefix) && key.endsWith(more)
  })
}

describe('docker-compose.yml', () => {
  it('has a container for each worker', () => {
    const workers = exchanges.flatMap(({ name }) => [
      `feed-${name}`,
      `simulated-${name}`,
      `bronze-${name}`,
      `silver-${name}`,
    ])
    expect(ours.map(([name]) => name)).toEqual(
      expect.arrayContaining([...workers, 'gold', 'candles', 'cli', 'operate', 'replay']),
    )
  })

  it.each(services)('%s: a pinned image, no rights, a read-only root, limits', (_name, service) => {
    expect(service.image).toMatch(/:[^:]*\d[^:]*$/)
    expect(service.user).toMatch(/^[1-9]\d*:[1-9]\d*$/)
    expect(service.read_only).toBe(true)
    expect(service.deploy?.resources?.limits).toMatchObject({ cpus: expect.any(String), memory: expect.any(String) })
  })

  it.each(ours)('%s: a command that is there, and settings that it takes', (_name, service) => {
    const [script = ''] = (service.entrypoint ?? ['node', ...(service.command ?? [])]).slice(1)
    const source = script.replace('/dist/', '/src/').replace(/main\.js$/, 'main.ts')
    expect(existsSync(new URL(source, root)), script).toBe(true)
    const env = Object.entries(service.environment ?? {}).map(([name, value]) => [name, String(value)])
    expect(() => readConfig(Object.fromEntries(env))).not.toThrow()
  })

  it('holds no password: each has to be set', () => {
    for (const [name, { environment = {} }] of services) {
      for (const [variable, value] of Object.entries(environment)) {
        if (/PASSWORD|SECRET|ROOT_USER/.test(variable)) expect(`${name} ${value}`).toMatch(/\$\{\w+:\?/)
      }
    }
  })

  it('lets each role into the store as a user of its own; nobody is its root user', () => {
    const roles = new Map(LAYERS.map(({ name }) => [name as string, name as string]))
    for (const [name, role] of [
      ['feed', 'feed'],
      ['simulated', 'feed'],
      ['cli', 'reader'],
      ['operate', 'operator'],
      ['replay', 'operator'],
    ] as const) {
      roles.set(name, role)
    }
    for (const [name, { environment = {} }] of ours) {
      const role = roles.get(name.split('-')[0] ?? '') ?? ''
      expect([name, environment.AWS_ACCESS_KEY_ID]).toEqual([name, `assay-${role}`])
      expect(environment.AWS_SECRET_ACCESS_KEY).toContain(`\${OBJECT_STORE_${role.toUpperCase()}_PASSWORD:?`)
    }
    const rooted = services.filter(([, service]) => JSON.stringify(service).includes('{OBJECT_STORE_PASSWORD'))
    expect(rooted.map(([name]) => name)).toEqual(['object-store', 'object-store-users'])
  })

  it("a layer may write its own tables and no others', an operator all, everybody else nothing", () => {
    const tables = tablesOf(LAYERS, exchanges).map(({ name }) => name)
    for (const layer of LAYERS) {
      // No worker writes what an operator loads.
      const own = tablesOf([layer], exchanges)
        .map(({ name }) => name)
        .filter((name) => name !== REF_SYMBOLS_TABLE.name)
      expect(tables.filter((table) => mayWrite(layer.name, `tables/market_data/${table}/data/x`))).toEqual(own)
      expect(mayWrite(layer.name, 'tables/market_data/paused.json')).toBe(false)
    }
    expect(tables.filter((table) => mayWrite('operator', `tables/market_data/${table}/data/x`))).toEqual(tables)
    expect(tables.filter((table) => mayWrite('read', `tables/market_data/${table}/data/x`))).toEqual([])
    expect(mayWrite('read', 'assay-probe-1')).toBe(false)
  })

  it('builds the store that the tests run on', () => {
    const dockerfile = readFileSync(new URL('deploy/object-store/Dockerfile', root), 'utf8')
    const tested = readFileSync(new URL('scripts/real-parts-lib/s3.mjs', root), 'utf8')
    const versions = [...dockerfile.matchAll(/github\.com\/minio\/(?:minio|mc)@\S+/g)].map(([version]) => version)
    expect(versions).toHaveLength(2)
    for (const version of versions) expect(tested).toContain(version)
    expect(versions[0]).toContain(services.find(([name]) => name === 'object-store')?.[1].image.split(':')[1])
  })

  it('is open to producers and analysts of the same machine, and to nobody else', () => {
    const published = services.flatMap(([name, { ports = [] }]) => ports.map((port) => [name, port] as const))
    for (const [name, port] of published) expect(`${name} ${port}`).toMatch(/ 127\.0\.0\.1:\d+:\d+$/)
    const names = published.map(([name]) => name)
    expect(names).toEqual(expect.arrayContaining(['kafka', 'schema-registry', 'object-store']))
    const kafka = compose.services.kafka
    const [, host = ''] =
      /HOST:\/\/(127\.0\.0\.1:\d+)/.exec(String(kafka?.environment?.KAFKA_ADVERTISED_LISTENERS)) ?? []
    expect(kafka?.ports).toEqual([`${host}:${host.split(':')[1]}`])
    expect(kafka?.environment?.KAFKA_LISTENERS).toContain(`HOST://:${host.split(':')[1]}`)
  })

  it("bounds Kafka's volume by size, not by age", () => {
    const { KAFKA_LOG_RETENTION_BYTES: size, KAFKA_LOG_RETENTION_MS: age } = compose.services.kafka?.environment ?? {}
    expect([Number(size) > 2 ** 30, age]).toEqual([true, -1])
  })

  it('is scraped in full', () => {
    const prometheus = readFileSync(new URL('monitoring/prometheus.yml', root), 'utf8')
    for (const [name, { command }] of ours)
      if (command?.[0]?.startsWith('services/')) expect(prometheus).toContain(name)
  })
})
