/** Replaces the whole configuration of a topic or a group: what is not named goes back to its default. */
import { alterConfigs } from '@odradek/protocol'
import { alterConfigsOf, type Configurable } from './config-changes.ts'
import { handler } from './handler.ts'

export const alterConfigsHandler = handler({
  api: alterConfigs,
  handle: (body, context) => ({
    throttleTimeMs: 0,
    responses: body.resources.map((resource) => {
      const { resourceType, resourceName, configs } = resource
      const changesOf = ({ entries }: Configurable) =>
        new Map<string, string | null | undefined>([
          ...Object.keys(entries).map((name): [string, undefined] => [name, undefined]),
          ...configs.map(({ name, value }): [string, string | null] => [name, value]),
        ])
      const verdict = alterConfigsOf(resource, body.validateOnly, changesOf, context)
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
