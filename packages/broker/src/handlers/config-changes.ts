/**
 * Changes to the configuration of one resource, checked as a whole before any of them is made.
 * Only topics can be configured; the options of a broker are what it was started with.
 */
import { ErrorCode } from '@odradek/protocol'
import { problemWithConfig, TOPIC_CONFIGS } from '../cluster/topic-configs.ts'
import type { Topic } from '../cluster/topics.ts'
import { RESOURCE_TYPE } from './config-source.ts'
import type { RequestContext } from './handler.ts'

/** The value an entry is to have; undefined for its default. */
export type Changes = ReadonlyMap<string, string | null | undefined>

export interface ConfigVerdict {
  readonly errorCode: number
  readonly errorMessage: string | null
}

export interface ResourceName {
  readonly resourceType: number
  readonly resourceName: string
}

const FINE: ConfigVerdict = { errorCode: ErrorCode.NONE, errorMessage: null }

/** `changesOf` says what to change once the topic is known, or what is wrong. */
export function alterConfigsOf(
  { resourceType, resourceName }: ResourceName,
  validateOnly: boolean,
  changesOf: (topic: Topic) => Changes | ConfigVerdict,
  { cluster }: RequestContext,
): ConfigVerdict {
  if (resourceType !== RESOURCE_TYPE.topic) {
    const errorMessage = 'Only topics can be configured; brokers keep the options they began with.'
    return { errorCode: ErrorCode.INVALID_REQUEST, errorMessage }
  }
  const topic = cluster.topics.byName(resourceName)
  if (topic === undefined) {
    return { errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, errorMessage: null }
  }
  const changes = changesOf(topic)
  if ('errorCode' in changes) return changes
  for (const [name, value] of changes) {
    const errorMessage =
      value === undefined && name in TOPIC_CONFIGS
        ? undefined
        : problemWithConfig(name, value ?? null)
    if (errorMessage !== undefined) return { errorCode: ErrorCode.INVALID_CONFIG, errorMessage }
  }
  if (!validateOnly) {
    for (const [name, value] of changes) topic.configs.change(name, value ?? undefined)
    cluster.watchRetention()
  }
  return FINE
}
