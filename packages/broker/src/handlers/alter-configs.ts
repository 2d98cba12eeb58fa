/**
 * Replaces the whole configuration of a topic or a group: entries that it does not name get their
 * defaults.
 */
import { alterConfigs, type RequestOf } from '@odradek/protocol'
import {
  alterResources,
  type Changes,
  type Configurable,
  failedResources,
} from './config-changes.ts'
import { handler } from './handler.ts'

type ResourceBody = RequestOf<typeof alterConfigs>['resources'][number]

export const alterConfigsHandler = handler({
  api: alterConfigs,
  handle: (body, context) => alterResources(body, changesOf, context),
  errorResponse: failedResources,
})

function changesOf({ entries }: Configurable, { configs }: ResourceBody): Changes {
  return new Map<string, string | null | undefined>([
    ...Object.keys(entries).map((name): [string, undefined] => [name, undefined]),
    ...configs.map(({ name, value }): [string, string | null] => [name, value]),
  ])
}
