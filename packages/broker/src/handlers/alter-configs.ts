/** Replaces the whole configuration of topics: what is not named goes back to its default. */
import { alterConfigs } from '@odradek/protocol'
import { TOPIC_CONFIGS } from '../cluster/topic-configs.ts'
import { alterConfigsOf } from './config-changes.ts'
import { handler } from './handler.ts'

export const alterConfigsHandler = handler({
  api: alterConfigs,
  handle: (body, context) => ({
    throttleTimeMs: 0,
    responses: body.resources.map((resource) => {
      const { resourceType, resourceName, configs } = resource
      const changes = new Map<string, string | null | undefined>([
        ...Object.keys(TOPIC_CONFIGS).map((name): [string, undefined] => [name, undefined]),
        ...configs.map(({ name, value }): [string, string | null] => [name, value]),
      ])
      const verdict = alterConfigsOf(resource, body.validateOnly, () => changes, context)
      return { ...verdict, resourceType, resourceName }
    }),
  }),
  errorResponse: (body, errorCode) => ({
    throttleTimeMs: 0,
    responses: body.resources.map(({ resourceType, resourceName }) => ({
      errorCode,
      errorMessage: null,
      resourceType,
      resourceName,
    })),
  }),
})
