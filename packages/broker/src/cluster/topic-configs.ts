/**
 * The configuration of topics: Kafka's entries with their types and defaults. All of them can be
 * set and read back; a broker in memory acts on a few (the README lists them): the largest
 * batch, the timestamp type, the smallest number of in-sync replicas, and retention.
 */

/** ConfigDef.Type as DescribeConfigs writes it. */
export const CONFIG_TYPE = { boolean: 1, string: 2, int: 3, long: 5, double: 6, list: 7 } as const
export type ConfigType = keyof typeof CONFIG_TYPE

export interface ConfigEntry {
  readonly type: ConfigType
  readonly value: string
  readonly oneOf?: readonly string[]
}

const MAX_LONG = '9223372036854775807'

export const TOPIC_CONFIGS: Readonly<Record<string, ConfigEntry>> = {
  'cleanup.policy': { type: 'list', value: 'delete', oneOf: ['compact', 'delete'] },
  'compression.gzip.level': { type: 'int', value: '-1' },
  'compression.lz4.level': { type: 'int', value: '9' },
  'compression.type': {
    type: 'string',
    value: 'producer',
    oneOf: ['uncompressed', 'zstd', 'lz4', 'snappy', 'gzip', 'producer'],
  },
  'compression.zstd.level': { type: 'int', value: '3' },
  'delete.retention.ms': { type: 'long', value: '86400000' },
  'file.delete.delay.ms': { type: 'long', value: '60000' },
  'flush.messages': { type: 'long', value: MAX_LONG },
  'flush.ms': { type: 'long', value: MAX_LONG },
  'follower.replication.throttled.replicas': { type: 'list', value: '' },
  'index.interval.bytes': { type: 'int', value: '4096' },
  'leader.replication.throttled.replicas': { type: 'list', value: '' },
  'local.retention.bytes': { type: 'long', value: '-2' },
  'local.retention.ms': { type: 'long', value: '-2' },
  'max.compaction.lag.ms': { type: 'long', value: MAX_LONG },
  'max.message.bytes': { type: 'int', value: '1048588' },
  'message.timestamp.after.max.ms': { type: 'long', value: '3600000' },
  'message.timestamp.before.max.ms': { type: 'long', value: MAX_LONG },
  'message.timestamp.type': {
    type: 'string',
    value: 'CreateTime',
    oneOf: ['CreateTime', 'LogAppendTime'],
  },
  'min.cleanable.dirty.ratio': { type: 'double', value: '0.5' },
  'min.compaction.lag.ms': { type: 'long', value: '0' },
  'min.insync.replicas': { type: 'int', value: '1' },
  preallocate: { type: 'boolean', value: 'false' },
  'remote.log.copy.disable': { type: 'boolean', value: 'false' },
  'remote.log.delete.on.disable': { type: 'boolean', value: 'false' },
  'remote.storage.enable': { type: 'boolean', value: 'false' },
  'retention.bytes': { type: 'long', value: '-1' },
  'retention.ms': { type: 'long', value: '604800000' },
  'segment.bytes': { type: 'int', value: '1073741824' },
  'segment.index.bytes': { type: 'int', value: '10485760' },
  'segment.jitter.ms': { type: 'long', value: '0' },
  'segment.ms': { type: 'long', value: '604800000' },
  'unclean.leader.election.enable': { type: 'boolean', value: 'false' },
}

/** What is wrong with a value, as a sentence; undefined when it is fine. */
export function problemWithConfig(name: string, value: string | null): string | undefined {
  const entry = TOPIC_CONFIGS[name]
  if (entry === undefined) return `Unknown topic config name: ${name}`
  if (value === null) return `The topic config ${name} may not be null.`
  const isFine = isValid(entry, value)
  return isFine
    ? undefined
    : `Invalid value ${value} for configuration ${name}: ${expectationOf(entry)}`
}

/** Kafka's words. */
function expectationOf({ type, oneOf }: ConfigEntry): string {
  switch (type) {
    case 'boolean':
      return 'Expected value to be either true or false'
    case 'int':
    case 'long':
    case 'double':
      return `Not a number of type ${type.toUpperCase()}`
    case 'string':
    case 'list':
      return `String must be one of: ${oneOf?.join(', ') ?? ''}`
  }
}

function isValid({ type, oneOf }: ConfigEntry, value: string): boolean {
  switch (type) {
    case 'boolean':
      return value === 'true' || value === 'false'
    case 'int':
    case 'long':
      return /^-?\d+$/.test(value)
    case 'double':
      return /^-?\d+(\.\d+)?$/.test(value)
    case 'string':
      return oneOf === undefined || oneOf.includes(value)
    case 'list':
      return oneOf === undefined || value.split(',').every((one) => oneOf.includes(one.trim()))
  }
}

/** The settings of one topic: what was set, over the defaults. */
export class TopicConfigs {
  readonly #set: Map<string, string>

  constructor(given: ReadonlyMap<string, string> = new Map()) {
    this.#set = new Map(given)
  }

  get(name: string): string {
    return this.#set.get(name) ?? TOPIC_CONFIGS[name]?.value ?? ''
  }

  number(name: string): number {
    return Number(this.get(name))
  }

  isSet(name: string): boolean {
    return this.#set.has(name)
  }

  /** Sets an entry, or with undefined puts it back to its default. */
  change(name: string, value: string | undefined): void {
    if (value === undefined) this.#set.delete(name)
    else this.#set.set(name, value)
  }
}
