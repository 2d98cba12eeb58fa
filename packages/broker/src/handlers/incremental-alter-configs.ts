/** Changes single entries of a configuration: set, delete, and for lists append, subtract. */
import { ErrorCode, incrementalAlterConfigs, type RequestOf } from '@odradek/protocol'
import {
  alterResources,
  type Changes,
  type Configurable,
  type ConfigVerdict,
  failedResources,
} from './config-changes.ts'
import { handler } from './handler.ts'

type ResourceBody = RequestOf<typeof incrementalAlterConfigs>['resources'][number]

const OPERATION = { set: 0, delete: 1, append: 2, subtract: 3 } as const

export const incrementalAlterConfigsHandler = handler({
  api: incrementalAlterConfigs,
  handle: (body, context) => alterResources(body, changesOf, context),
  errorResponse: failedResources,
})

function changesOf(configurable: Configurable, { configs }: ResourceBody): Changes | ConfigVerdict {
  const changes = new Map<string, string | null | undefined>()
  for (const { name, configOperation, value } of configs) {
    if (changes.has(name)) {
      const errorMessage = `The config ${name} is changed twice.`
      return { errorCode: ErrorCode.INVALID_REQUEST, errorMessage }
    }
    switch (configOperation) {
      case OPERATION.set:
        changes.set(name, value)
        break
      case OPERATION.delete:
        changes.set(name, undefined)
        break
      case OPERATION.append:
      case OPERATION.subtract: {
        if (configurable.entries[name]?.type !== 'list') {
          const errorMessage = `The config ${name} is not a list: APPEND and SUBTRACT need a list.`
          return { errorCode: ErrorCode.INVALID_CONFIG, errorMessage }
        }
        const old = configurable
          .get(name)
          .split(',')
          .filter((one) => one !== '')
        const named = (value ?? '').split(',')
        const rest = old.filter((one) => !named.includes(one))
        const isAppend = configOperation === OPERATION.append
        changes.set(name, (isAppend ? [...rest, ...named] : rest).join(','))
        break
      }
      default: {
        const errorMessage = `There is no config operation ${configOperation}.`
        return { errorCode: ErrorCode.INVALID_REQUEST, errorMessage }
      }
    }
  }
  return changes
}
