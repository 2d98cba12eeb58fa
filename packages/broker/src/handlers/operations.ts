/** Authorized operations as bit fields: there are no ACLs, so all operations are allowed. */
const READ = 3
const WRITE = 4
const CREATE = 5
const DELETE = 6
const ALTER = 7
const DESCRIBE = 8
const CLUSTER_ACTION = 9
const DESCRIBE_CONFIGS = 10
const ALTER_CONFIGS = 11
const IDEMPOTENT_WRITE = 12

export const TOPIC_OPERATIONS = [
  ...[READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS],
]
export const GROUP_OPERATIONS = [READ, DELETE, DESCRIBE]
export const CLUSTER_OPERATIONS = [
  ...[CREATE, ALTER, DESCRIBE, CLUSTER_ACTION, DESCRIBE_CONFIGS, ALTER_CONFIGS, IDEMPOTENT_WRITE],
]

export function operationsBits(operations: readonly number[]): number {
  let bits = 0
  for (const operation of operations) bits |= 1 << operation
  return bits
}
