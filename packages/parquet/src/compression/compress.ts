import { promisify } from 'node:util'
import * as zlib from 'node:zlib'

/** Compresses pages: a frame of its own for each. What comes back early may come back as it is. */
export interface Compress {
  readonly codec: 'ZSTD' | 'GZIP'
  readonly compress: (bytes: Uint8Array) => Promise<Uint8Array> | Uint8Array
}

/** Level 1 of either: the higher ones take times as long for some percent of the size. */
const LEVEL = 1
/** Smaller pages are compressed at once: a thread costs more than it saves. */
const AT_ONCE_BYTES_MAX = 32 * 1024

type NodeZstd = (data: Uint8Array, options: { readonly params: Record<number, number> }) => Promise<Uint8Array>
type Binding = typeof import('@toondepauw/node-zstd')

let loaded: Promise<Compress> | undefined

/**
 * The best that there is on this machine: zstd by the binding, else by Node (from 22.15 on), else gzip. Loaded by the
 * first call.
 */
export function loadCompress(): Promise<Compress> {
  loaded ??= import('@toondepauw/node-zstd').then(zstdOfBinding, () => zstdOfNode() ?? gzipOfNode())
  return loaded
}

function zstdOfBinding({ default: module, ...names }: Binding & { readonly default?: Binding }): Compress {
  const encoder = new (module ?? names).Encoder(LEVEL)
  return {
    codec: 'ZSTD',
    compress: (bytes) => {
      const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      return bytes.length <= AT_ONCE_BYTES_MAX ? encoder.encodeSync(buffer) : encoder.encode(buffer)
    },
  }
}

/** Undefined before Node 22.15. */
export function zstdOfNode(): Compress | undefined {
  const { zstdCompress, constants } = zlib as unknown as {
    readonly zstdCompress?: (...args: unknown[]) => void
    readonly constants: Record<string, number>
  }
  if (!zstdCompress) return undefined
  const compress = promisify(zstdCompress) as unknown as NodeZstd
  const params = { [constants.ZSTD_c_compressionLevel as number]: LEVEL }
  return { codec: 'ZSTD', compress: (bytes) => compress(bytes, { params }) }
}

export function gzipOfNode(): Compress {
  const compress = promisify<Uint8Array, zlib.ZlibOptions, Buffer>(zlib.gzip)
  return { codec: 'GZIP', compress: (bytes) => compress(bytes, { level: LEVEL }) }
}
