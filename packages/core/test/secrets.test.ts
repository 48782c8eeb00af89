import { PassThrough } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hideSecretsOn, secretFilter, withoutSecrets } from '../src/index.js'

const NAMES = [
  'ASSAY_KAFKA_SASL_PASSWORD',
  'ASSAY_REGISTRY_PASSWORD',
  'ASSAY_REGISTRY_TOKEN',
  'ASSAY_CATALOG_TOKEN',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
] as const
/** No asterisks, since these stand for what is hidden. */
const secret = fc
  .string({ unit: 'grapheme', minLength: 4, maxLength: 40 })
  .filter((text) => !/\*|^\s|\s$|^\d+$/.test(text))
const environment = fc.record(Object.fromEntries(NAMES.map((name) => [name, secret])))
const words = fc.constantFrom('', 'login failed for ', 'password=', '{"a": ', 'http://host:9092/', '\n', '"')

describe('no secret of a setting is in what is written', () => {
  test('whatever stands around it, and in whichever form it is there', () => {
    fc.assert(
      fc.property(environment, fc.constantFrom(...NAMES), words, words, (env, name, before, after) => {
        const hide = secretFilter(env)
        const value = String(env[name])
        for (const form of [value, encodeURIComponent(value), JSON.stringify(value)]) {
          expect(hide(`${before}${form}${after}`)).not.toContain(value)
        }
      }),
    )
  })

  test('JSON stays JSON, with the same numbers and names of fields', () => {
    fc.assert(
      fc.property(environment, fc.constantFrom(...NAMES), fc.string(), fc.integer(), (env, name, text, offset) => {
        const value = String(env[name])
        const line = { level: 'error', offset, nested: [{ detail: `${text}${value}`, value }], fine: true }
        const written = secretFilter(env)(`${JSON.stringify(line)}\n`)
        const read = JSON.parse(written) as typeof line
        expect([read.offset, read.fine, Object.keys(read)]).toEqual([offset, true, Object.keys(line)])
        expect(JSON.stringify(read.nested.map(({ detail, value }) => [detail, value]))).not.toContain(value)
      }),
    )
  })

  test('one of digits is not taken for a part of a number', () => {
    const hide = secretFilter({ AWS_SECRET_ACCESS_KEY: '1234' })
    expect(hide('key 1234, offset 91234')).toBe('key ***, offset 91234')
    expect(hide('{"offset":1234,"key":"1234"}')).toBe('{"offset":1234,"key":"***"}')
  })

  test('parts of a list, of id and secret, and what goes over the wire', () => {
    const hide = secretFilter({
      ASSAY_INGEST_TOKENS: 'token-of-producer-1, token-of-producer-2',
      ASSAY_CATALOG_CREDENTIAL: 'client-7:battery-staple',
      ASSAY_REGISTRY_USERNAME: 'ada',
      ASSAY_REGISTRY_PASSWORD: 'lovelace',
    })
    expect(hide('token-of-producer-2 of client-7: battery-staple')).toBe('*** of client-7: ***')
    expect(hide(`sent ${Buffer.from('ada:lovelace').toString('base64')} as ada`)).toBe('sent *** as ada')
  })

  test('a value too short to be a secret leaves texts as they are', () => {
    expect(secretFilter({ ASSAY_REGISTRY_TOKEN: 'a' })('a lane')).toBe('a lane')
  })
})

test.each([
  ['http://ada:lovelace@host:8081/path', 'http://***@host:8081/path'],
  ['http://ada:love/lace@host/path', 'http://***@host/path'],
  ['s3://key:se@cret@bucket/x', 's3://***@bucket/x'],
  ['http://ada@host', 'http://***@host'],
  ['http://host:9000/topic@2/0', 'http://host:9000/topic@2/0'],
  ['s3://bucket/log/topic@2/0', 's3://bucket/log/topic@2/0'],
  ['GET /x?partition=1&X-Amz-Signature=ab12&token=t', 'GET /x?partition=1&X-Amz-Signature=***&token=***'],
  ['"authorization": "Bearer abc.def"', '"authorization": "Bearer ***"'],
  ['Authorization: Basic YTpi', 'Authorization: Basic ***'],
  ['token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln expired', 'token *** expired'],
  ['basic authentication needs a password', 'basic authentication needs a password'],
])('logins in addresses and headers are hidden without being known: %s', (text, left) => {
  expect(secretFilter({})(text)).toBe(left)
})

test('texts come to a stream without secrets, and bytes as they are', () => {
  const stream = new PassThrough()
  hideSecretsOn(stream, { AWS_SECRET_ACCESS_KEY: 'battery-staple' })
  stream.write('battery-staple and ')
  stream.write(Buffer.from('battery-staple'))
  expect(String(stream.read())).toBe('*** and battery-staple')
})

test('secrets in the words of a server are hidden', () => {
  expect(withoutSecrets('battery-staple is not battery', ['', 'battery-staple'])).toBe('*** is not battery')
})
