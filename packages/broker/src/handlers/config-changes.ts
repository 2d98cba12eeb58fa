/**
 * Changes to the configuration of one resource, checked as a whole before any of them is applied.
 * Topics and groups can be configured; a broker keeps the options that it was started with.
 */
import { ErrorCode } from '@odradek/protocol'
import { type ConfigEntry, problemWithConfig, TOPIC_CONFIGS } from '../cluster/topic-configs.ts'
import type { RequestContext } from '../services/request-context.ts'
import { RESOURCE_TYPE } from './config-source.ts'

/** The new value of each entry; undefined for its default. */
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

/** A topic or a group that can be configured. */
export interface Configurable {
  readonly entries: Readonly<Record<string, ConfigEntry>>
  get(name: string): string
  /** Sets an entry, or with undefined puts it back to its default. */
  change(name: string, value: string | undefined): void
  problemWith(name: string, value: string | null): string | undefined
}

interface Body<R extends ResourceName> {
  readonly resources: readonly R[]
  readonly validateOnly: boolean
}

/** `changesOf` gives the changes to a resource that exists, or what is wrong with them. */
export function alterResources<R extends ResourceName>(
  { resources, validateOnly }: Body<R>,
  changesOf: (configurable: Configurable, resource: R) => Changes | ConfigVerdict,
  context: RequestContext,
) {
  return {
    throttleTimeMs: 0,
    responses: resources.map((resource) => {
      const { resourceType, resourceName } = resource
      const changes = (configurable: Configurable) => changesOf(configurable, resource)
      const verdict = alter(resource, validateOnly, changes, context)
      return { ...verdict, resourceType, resourceName }
    }),
  }
}

/** Every resource with the same error. */
export function failedResources({ resources }: Body<ResourceName>, errorCode: number) {
  return {
    throttleTimeMs: 0,
    responses: resources.map(({ resourceType, resourceName }) => ({
      errorCode,
      errorMessage: null,
      resourceType,
      resourceName,
    })),
  }
}

function alter(
  resource: ResourceName,
  validateOnly: boolean,
  changesOf: (configurable: Configurable) => Changes | ConfigVerdict,
  context: RequestContext,
): ConfigVerdict {
  const configurable = find(resource, context)
  if ('errorCode' in configurable) return configurable
  const changes = changesOf(configurable)
  if ('errorCode' in changes) return changes
  for (const [name, value] of changes) {
    const errorMessage =
      value === undefined && name in configurable.entries
        ? undefined
        : configurable.problemWith(name, value ?? null)
    if (errorMessage !== undefined) return { errorCode: ErrorCode.INVALID_CONFIG, errorMessage }
  }
  if (!validateOnly) {
    for (const [name, value] of changes) configurable.change(name, value ?? undefined)
    context.cluster.watchRetention()
  }
  return FINE
}

function find(
  { resourceType, resourceName }: ResourceName,
  { cluster }: RequestContext,
): Configurable | ConfigVerdict {
  if (resourceType === RESOURCE_TYPE.group) {
    if (resourceName === '') {
      return {
        errorCode: ErrorCode.INVALID_REQUEST,
        errorMessage: 'The name of a group must not be empty.',
      }
    }
    const { groupConfigs } = cluster
    return {
      entries: groupConfigs.entries,
      get: (name) => groupConfigs.get(resourceName, name),
      change: (name, value) => groupConfigs.change(resourceName, name, value),
      problemWith: (name, value) => groupConfigs.problemWith(name, value),
    }
  }
  if (resourceType !== RESOURCE_TYPE.topic) {
    const errorMessage =
      'Only topics and groups can be configured; brokers keep the options they were started with.'
    return { errorCode: ErrorCode.INVALID_REQUEST, errorMessage }
  }
  const topic = cluster.topics.byName(resourceName)
  if (topic === undefined) {
    return { errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, errorMessage: null }
  }
  const { configs } = topic
  return {
    entries: TOPIC_CONFIGS,
    get: (name) => configs.get(name),
    change: (name, value) => configs.change(name, value),
    problemWith: problemWithConfig,
  }
}
