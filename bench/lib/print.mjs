/** Prints results as one table: measurement, value. */
export function printResults(results) {
  const rows = [
    ...throughputRows('throughput', results.throughput),
    ...throughputRows('backlog', results.backlog),
    ...freshnessRows(results.freshness),
    ...hourRows(results.hour),
    ...kafkaRows(results.kafka),
  ]
  const width = Math.max(...rows.map(([name = '']) => name.length))
  for (const [name = '', value] of rows) process.stdout.write(`${name.padEnd(width)}  ${value}\n`)
}

function throughputRows(title, measured) {
  if (!measured) return []
  const { layers, ...all } = measured
  const line = (of) =>
    `${thousands(of.events_per_second)} events/s, ${of.cpu_us_per_event} CPU s per million, peak ${of.peakMemory_mib} MiB`
  return [
    [`${title}, ${thousands(all.records)} records, all layers, ${all.threads} engine threads`, line(all)],
    ...Object.entries(layers).map(([layer, of]) => [`${title}, ${layer} alone`, line(of)]),
  ]
}

function freshnessRows(measured) {
  if (!measured) return []
  const { rate, seconds, freshness_ms, cpu_share, peakMemory_mib, commits_per_second, tables } = measured
  const title = `freshness, ${thousands(rate)} events/s for ${seconds} s`
  return [
    [title, `p50 ${freshness_ms.p50} ms, p95 ${freshness_ms.p95} ms, p99 ${freshness_ms.p99} ms`],
    [`${title}, processor`, `${Math.round(cpu_share * 100)} % of one, peak ${peakMemory_mib} MiB`],
    ...Object.entries(commits_per_second).map(([worker, rate]) => [`${title}, ${worker}`, `${rate} commits/s`]),
    ...tableRows(title, tables),
  ]
}

function kafkaRows(measured) {
  if (!measured) return []
  const { records, consumed, produced_per_second, latency_ms, bronze, freshness } = measured
  const title = `kafka, ${thousands(records)} records`
  const line = (of) =>
    `${thousands(of.records_per_second)} records/s, ${of.cpu_us_per_record} CPU s per million, peak ${of.peakMemory_mib} MiB`
  return [
    ...Object.entries(consumed).map(([client, of]) => [`${title}, read by ${client}`, line(of)]),
    [`${title}, into bronze`, line(bronze)],
    [`${title}, produced`, `${thousands(produced_per_second)} records/s`],
    ['kafka, from produce to read, 1,000 records/s', `p50 ${latency_ms.p50} ms, p99 ${latency_ms.p99} ms`],
    ...freshnessRows(freshness)
      .slice(0, 1)
      .map(([name, value]) => [`kafka, into bronze, ${name}`, value]),
  ]
}

function hourRows(measured) {
  if (!measured) return []
  const { commits, planning, analyst, tables, wall_seconds, stepped_seconds } = measured
  const title = `${thousands(commits.gold)} commits`
  return [
    [`${title}, all layers`, `${stepped_seconds} s in ${wall_seconds} s of real time`],
    [
      `${title}, planning a read of gold`,
      `${planning.after_60.least_ms} ms after 60, ${planning.after_all.least_ms} ms after all: ${planning.ratio} times`,
    ],
    ...(analyst
      ? [
          [
            `${title}, analyst beside`,
            [`${analyst.queries} queries, ${analyst.failed} failed`, ...analyst.failures].join('; '),
          ],
        ]
      : []),
    ...tableRows(title, tables),
  ]
}

function tableRows(title, tables) {
  return Object.entries(tables).map(([table, { live, snapshots, metadata_bytes, on_disk }]) => {
    const kinds = Object.entries(on_disk).map(([kind, count]) => `${count} ${kind}`)
    const size = `${Math.ceil(metadata_bytes / 1024)} KiB of metadata, ${snapshots} snapshots`
    return [`${title}, ${table}`, `${live} live files, ${size}; on disk ${kinds.join(', ')}`]
  })
}

function thousands(value) {
  return value.toLocaleString('en-US')
}
