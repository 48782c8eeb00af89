import { z } from 'zod'
import { DEFAULT_HISTORY_HOURS, DEFAULT_TOPIC_PARTITIONS } from './defaults.js'
import {
  flag,
  oneOf,
  optionalText,
  optionalUrl,
  optionalWholeNumber,
  type Setting,
  type Values,
  wholeNumber,
} from './setting.js'

const GIB = 2 ** 30
const SASL_MECHANISMS = ['none', 'PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER'] as const
const CODECS = ['', 'none', 'gzip', 'lz4'] as const
const ENCRYPTIONS = ['none', 'AES256', 'aws:kms'] as const

const brokers: z.ZodType<readonly string[], string> = z
  .string()
  .refine(
    (text) =>
      text === '' || text.split(',').every((one) => /^(\[[0-9a-fA-F:]+\]|[^\s:,@/?#]+):\d{1,5}$/.test(one.trim())),
    'must be a list of host:port, with commas between',
  )
  .transform((text) => (text === '' ? [] : text.split(',').map((one) => one.trim())))

/**
 * The real parts that a lake may stand on; the embedded ones where nothing is set. Services and the command line take
 * them.
 */
export const PARTS_SETTINGS = {
  ASSAY_LAKE: {
    fallback: './lake',
    accepts: 'a folder, or s3://bucket/prefix',
    means: 'Where the lake is; it is made if it is missing (a bucket is not).',
    schema: z
      .string()
      .min(1, 'must name a folder or s3://bucket/prefix')
      .refine(
        (text) =>
          !/^\w{2,}:\/|:\/\//.test(text) || /^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](\/[^/@?#]+)*\/?$/.test(text),
        'must be a folder or s3://bucket/prefix',
      ),
  },
  ASSAY_WORK_DIR: {
    fallback: '',
    accepts: 'a folder on a local disk',
    means:
      "For scratch files, spilled data and cached files of a lake in a bucket. Without: the lake's own folder, or one of the system's temporary folder.",
    schema: optionalText,
  },
  ASSAY_HISTORY_HOURS: {
    fallback: String(DEFAULT_HISTORY_HOURS),
    accepts: '0 to 720',
    means:
      'How far `--as-of` reaches back beyond the newest hundred commits of a table: as many of its states at full hours are kept by tags. The same for all processes that write.',
    schema: wholeNumber(0, 720),
  },
  ASSAY_CACHE_BYTES: {
    fallback: String(4 * GIB),
    accepts: '67108864 to 1099511627776',
    means: 'Size of the cache of data files of a lake in a bucket.',
    schema: wholeNumber(64 * 2 ** 20, 1024 * GIB),
  },
  ASSAY_OLDER_VERSIONS_MINUTES: {
    fallback: '60',
    accepts: '0 to 10080',
    means:
      'For how long a commit of a version of Assay that would lose them keeps new columns from being added to a table. 0 where no such version runs any more.',
    schema: wholeNumber(0, 10_080),
  },
  ASSAY_KAFKA_BROKERS: {
    fallback: '',
    accepts: 'host:port,host:port…',
    means: "Brokers of the event log. Without: the embedded log in the lake's folder.",
    schema: brokers,
  },
  ASSAY_KAFKA_TLS: {
    fallback: 'false',
    accepts: 'true or false',
    means: 'Speak TLS with the brokers.',
    schema: flag,
  },
  ASSAY_KAFKA_TLS_CA_FILE: {
    fallback: '',
    accepts: 'a PEM file',
    means: "Certificates to trust instead of the system's.",
    schema: optionalText,
  },
  ASSAY_KAFKA_TLS_CERT_FILE: {
    fallback: '',
    accepts: 'a PEM file',
    means: 'Certificate to show to the brokers.',
    schema: optionalText,
  },
  ASSAY_KAFKA_TLS_KEY_FILE: {
    fallback: '',
    accepts: 'a PEM file',
    means: 'Private key of that certificate.',
    schema: optionalText,
  },
  ASSAY_KAFKA_SASL_MECHANISM: {
    fallback: 'none',
    accepts: SASL_MECHANISMS.join(', '),
    means: 'How to log in to the brokers.',
    schema: oneOf(SASL_MECHANISMS),
  },
  ASSAY_KAFKA_SASL_USERNAME: {
    fallback: '',
    accepts: 'a text',
    means: 'User of PLAIN and SCRAM.',
    schema: optionalText,
  },
  ASSAY_KAFKA_SASL_PASSWORD: {
    fallback: '',
    accepts: 'a text',
    means: 'Password of PLAIN and SCRAM.',
    schema: optionalText,
  },
  ASSAY_KAFKA_SASL_TOKEN_FILE: {
    fallback: '',
    accepts: 'a file',
    means: 'Token of OAUTHBEARER; read again at every login, so that something else can renew it.',
    schema: optionalText,
  },
  ASSAY_TOPIC_PARTITIONS: {
    fallback: String(DEFAULT_TOPIC_PARTITIONS),
    accepts: '1 to 1000',
    means:
      'Partitions of a topic that Assay has to make: as many workers of bronze and of silver can share its lanes out. A topic that is there keeps its own.',
    schema: wholeNumber(1, 1_000),
  },
  ASSAY_TOPIC_REPLICATION_FACTOR: {
    fallback: '',
    accepts: '1 to 32767',
    means: "Copies of a topic that Assay has to make in Kafka. Without: the cluster's default.",
    schema: optionalWholeNumber(1, 32_767),
  },
  ASSAY_TOPIC_MIN_INSYNC_REPLICAS: {
    fallback: '',
    accepts: '1 to 32767',
    means:
      "Copies that must have a record before it is acknowledged (min.insync.replicas), for a topic that Assay has to make in Kafka. Without: the cluster's default.",
    schema: optionalWholeNumber(1, 32_767),
  },
  ASSAY_PRODUCER_LINGER_MS: {
    fallback: '',
    accepts: '0 to 60000',
    means: 'How long records wait for others to be sent to Kafka with in one batch; 1 without.',
    schema: optionalWholeNumber(0, 60_000),
  },
  ASSAY_PRODUCER_BATCH_BYTES: {
    fallback: '',
    accepts: '1024 to 104857600',
    means:
      "Bytes of a batch to Kafka at most, before it is compressed; 1048576 without. The topic's max.message.bytes limits it, too.",
    schema: optionalWholeNumber(1_024, 100 * 2 ** 20),
  },
  ASSAY_PRODUCER_COMPRESSION: {
    fallback: '',
    accepts: 'none, gzip or lz4',
    means: 'Codec of the batches to Kafka; lz4 without. A batch that it would not make smaller is sent as it is.',
    schema: oneOf(CODECS),
  },
  ASSAY_REGISTRY_URL: {
    fallback: '',
    accepts: 'an http or https address',
    means: 'A registry with the interface of Confluent. Without: the embedded one in the lake.',
    schema: optionalUrl,
  },
  ASSAY_REGISTRY_USERNAME: {
    fallback: '',
    accepts: 'a text',
    means: 'User of basic authentication.',
    schema: optionalText,
  },
  ASSAY_REGISTRY_PASSWORD: {
    fallback: '',
    accepts: 'a text',
    means: 'Password of basic authentication.',
    schema: optionalText,
  },
  ASSAY_REGISTRY_TOKEN: {
    fallback: '',
    accepts: 'a text',
    means: 'Bearer token, instead of user and password.',
    schema: optionalText,
  },
  ASSAY_S3_ENDPOINT: {
    fallback: '',
    accepts: 'an http or https address',
    means: "Object store of a lake at s3://. Without: the region's own of AWS. Credentials come by the AWS chain.",
    schema: optionalUrl,
  },
  ASSAY_S3_REGION: {
    fallback: 'us-east-1',
    accepts: 'a region',
    means: 'Region of the bucket.',
    schema: z.string().regex(/^[\w-]{1,64}$/, 'must name a region'),
  },
  ASSAY_S3_PATH_STYLE: {
    fallback: 'false',
    accepts: 'true or false',
    means: 'Address buckets as a path (http://host/bucket) instead of a host name; most stores beside AWS want it.',
    schema: flag,
  },
  ASSAY_S3_SSE: {
    fallback: 'none',
    accepts: ENCRYPTIONS.join(', '),
    means: 'Encryption at rest to ask the store for.',
    schema: oneOf(ENCRYPTIONS),
  },
  ASSAY_S3_SSE_KEY_ID: {
    fallback: '',
    accepts: 'a key id',
    means: 'Key of aws:kms.',
    schema: optionalText,
  },
  ASSAY_CATALOG_URL: {
    fallback: '',
    accepts: 'an http or https address',
    means: "An Iceberg REST catalog. Without: tables are folders of the lake, and their files' names are the catalog.",
    schema: optionalUrl,
  },
  ASSAY_CATALOG_WAREHOUSE: {
    fallback: '',
    accepts: 'a name',
    means: 'Warehouse to ask the catalog for.',
    schema: optionalText,
  },
  ASSAY_CATALOG_TOKEN: {
    fallback: '',
    accepts: 'a text',
    means: 'Bearer token for the catalog.',
    schema: optionalText,
  },
  ASSAY_CATALOG_CREDENTIAL: {
    fallback: '',
    accepts: 'id:secret',
    means: 'Client credentials with which to get tokens from the catalog.',
    schema: optionalText,
  },
} as const satisfies Readonly<Record<string, Setting<unknown>>>

export type PartsValues = Values<typeof PARTS_SETTINGS>
