// @ts-check
import { existsSync } from 'node:fs'
import path from 'node:path'
import { cacheFolder, installOnce, run } from './cache.mjs'
import { CannotBeHad, hasGo, hasPython } from './machine.mjs'
import { answersTo } from './server.mjs'

export const BUCKET = 'assay'
export const REGION = 'us-east-1'
const MINIO = 'github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c'
const MC = 'github.com/minio/mc@v0.0.0-20250313080218-cf909e1063a9'
const MC_NAME = 'mc-20250313080218'
const MINIO_NAME = 'minio-20260212201848'
const MOTO_VERSION = '5.2.5'

/**
 * The S3 store: MinIO where Go can build it, else moto, which keeps its objects in memory.
 * @type {import('./server.mjs').Part}
 */
export const s3 = {
  name: 's3',
  portNames: ['http'],

  async install() {
    if (hasGo() || existsSync(path.join(cacheFolder(), MINIO_NAME))) return installMinio()
    console.error('WARNING: Go is missing, so moto stands in for MinIO: it forgets everything when it ends, checks no')
    console.error('WARNING: signatures, and is no proof that conditional puts are atomic')
    return installMoto()
  },

  async launch({ installed, folder, ports, credentials }) {
    if (!isMinio(installed)) {
      const address = ['-H', '127.0.0.1', '-p', String(ports.http)]
      return { command: path.join(installed, 'bin', 'python'), args: ['-m', 'moto.server', ...address] }
    }
    return {
      command: path.join(installed, 'minio'),
      args: ['server', '--address', `127.0.0.1:${ports.http}`, path.join(folder, 'data')],
      env: {
        MINIO_ROOT_USER: credentials.accessKeyId,
        MINIO_ROOT_PASSWORD: credentials.secretAccessKey,
        MINIO_BROWSER: 'off',
        MINIO_UPDATE: 'off',
      },
    }
  },

  answers: (place) => answersTo(`${s3Url(place)}/${isMinio(place.installed) ? 'minio/health/ready' : 'moto-api/'}`),

  async prepare(place) {
    const { BucketAlreadyOwnedByYou, CreateBucketCommand, S3Client } = await import('@aws-sdk/client-s3')
    const { credentials } = place
    const client = new S3Client({ endpoint: s3Url(place), region: REGION, forcePathStyle: true, credentials })
    try {
      await client.send(new CreateBucketCommand({ Bucket: BUCKET }))
    } catch (error) {
      if (!(error instanceof BucketAlreadyOwnedByYou)) throw error
    } finally {
      client.destroy()
    }
  },
}

/** @param {string} installed */
export function isMinio(installed) {
  return path.basename(installed) === MINIO_NAME
}

/** @param {{ ports: Readonly<Record<string, number>> }} place */
export function s3Url({ ports }) {
  return `http://127.0.0.1:${ports.http}`
}

function installMinio() {
  return installOnce(MINIO_NAME, (folder) => run('nice', ['go', 'install', MINIO], { env: { GOBIN: folder } }))
}

/** Folder of MinIO's client, which makes users. */
export function installMc() {
  return installOnce(MC_NAME, (folder) => run('nice', ['go', 'install', MC], { env: { GOBIN: folder } }))
}

function installMoto() {
  return installOnce(`moto-${MOTO_VERSION}`, async (folder) => {
    if (!hasPython()) throw new CannotBeHad('neither Go (for MinIO) nor python3 with venv (for moto) is here')
    await run('python3', ['-m', 'venv', folder])
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check']
    await run(path.join(folder, 'bin', 'python'), [...pip, `moto[server]==${MOTO_VERSION}`])
  })
}
