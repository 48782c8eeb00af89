/** 1 in decimals of ten places, as whole numbers. */
const UNIT = 10n ** 10n

/** Sum of a group; null where one of its values is, or where the column can't hold it: `sum` leaves out the one and fails at the other. */
export function totalOf(column: string, condition = 'true'): string {
  return `list_reduce(list(${column}) FILTER (${condition}), lambda a, b: TRY(a + b))`
}

/**
 * The quotient of decimals of 20 and of 10 places, with 10 places, half to even. On whole numbers, which texts give
 * exactly: DuckDB divides decimals as doubles.
 */
export function averageSql(total: string, by: string): string {
  const [whole, divisor] = [total, by].map((column) => `replace(${column}::VARCHAR, '.', '')::HUGEINT`)
  const quotient = `(${whole} // ${divisor})`
  const rest = `(${whole} % ${divisor})`
  // Twice the remainder may be more than 128 bits hold.
  const up = `(${rest} > ${divisor} - ${rest} OR (${rest} = ${divisor} - ${rest} AND ${quotient} % 2 = 1))`
  const rounded = `(${quotient} + ${up}::INTEGER)`
  return `((${rounded} // ${UNIT})::DECIMAL(28,10) + (${rounded} % ${UNIT})::DECIMAL(10,0) * 0.0000000001::DECIMAL(10,10))::DECIMAL(28,10)`
}
