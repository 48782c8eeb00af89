import { columnSpecs } from '@assay/pipeline'
import { bronzeTable } from '../bronze/bronze-table.js'
import type { Layer } from '../layer.js'
import { openDeadLettersSql } from './dead-letter-filter.js'
import { DLQ_ARCHIVE_TABLE, REPLAYS_TABLE, RESOLUTIONS_TABLE } from './dead-letter-tables.js'
import { readLaneState } from './lanes/lane-state.js'
import { EVENT_TIME, tradesSql } from './rows/trades-view.js'
import { silverStage } from './silver-stage.js'
import { DLQ_TABLE, RULE_SETS_TABLE, silverTable } from './silver-tables.js'

export const silverLayer: Layer<'silver'> = {
  name: 'silver',
  isAligned: false,
  needs: ['registry', 'rules'],
  sides: [DLQ_TABLE, DLQ_ARCHIVE_TABLE, RESOLUTIONS_TABLE, REPLAYS_TABLE, RULE_SETS_TABLE],
  deadLetters: [DLQ_TABLE, DLQ_ARCHIVE_TABLE],
  judgedAt: { main: 'validation_timestamp', deadLetters: 'error_timestamp' },
  metrics: {
    counters: {
      records: { name: 'records', help: 'Bronze rows judged.' },
      valid: { name: 'valid_records', help: 'Of those, rows that passed every rule.' },
    },
    breakdowns: {
      rejected: {
        name: 'dead_letters',
        label: 'error_type',
        help: 'Bronze rows that broke a rule, by the `error_type` of it.',
      },
    },
    gauges: {},
  },
  workers: (exchanges) =>
    exchanges.map((exchange) => ({
      name: `silver-${exchange.name}`,
      exchange,
      main: silverTable(exchange.name),
      upstreams: [{ definition: bronzeTable(exchange.name), writtenAt: 'ingestion_timestamp' }],
      stage: (context, { upstreams: [bronze], registry, assignment, settings: { rules, adopt } }) => {
        if (!bronze) throw new RangeError('silver reads one bronze table')
        return silverStage(context, { exchange, bronze, registry, assignment, rules, adopt })
      },
    })),
  watermark_us: (lane) => readLaneState(lane).greatest_us,
  views: (exchanges) => [
    {
      name: 'silver_trades',
      means: 'A row of silver of any exchange, with its time as a timestamp.',
      columns: [EVENT_TIME, ...exchanges.slice(0, 1).flatMap(({ name }) => columnSpecs(silverTable(name)))],
      select: tradesSql(exchanges.map(({ name }) => silverTable(name).name)),
      reads: exchanges.map(({ name }) => silverTable(name).name),
    },
    {
      name: 'silver_dlq_open',
      means: 'A dead letter of the queue that is neither replayed nor given up.',
      columns: columnSpecs(DLQ_TABLE),
      select: openDeadLettersSql(DLQ_TABLE.name, RESOLUTIONS_TABLE.name),
      reads: [DLQ_TABLE.name, RESOLUTIONS_TABLE.name],
    },
  ],
}
