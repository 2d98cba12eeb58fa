/** Deletes topics by name or, from version 6 on, by id. */
import { deleteTopics, ErrorCode, type RequestOf, ZERO_UUID } from '@odradek/protocol'
import { deleteTopic } from '../services/stores.ts'
import { handler } from './handler.ts'

const TOPICS_FROM_VERSION = 6

type Body = RequestOf<typeof deleteTopics>

export const deleteTopicsHandler = handler({
  api: deleteTopics,
  handle(body, { cluster, stores, version }) {
    return {
      throttleTimeMs: 0,
      responses: namesOf(body, version).map(({ name, topicId }) => {
        const isById = topicId !== ZERO_UUID
        if (isById && name !== null) {
          const errorMessage = 'Name a topic by its name or by its id, not by both.'
          return { name, topicId, errorCode: ErrorCode.INVALID_REQUEST, errorMessage }
        }
        const topic = cluster.topics.find(name, topicId)
        if (topic === undefined) {
          const errorCode = isById
            ? ErrorCode.UNKNOWN_TOPIC_ID
            : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
          return { name, topicId, errorCode, errorMessage: null }
        }
        deleteTopic(cluster, stores, topic)
        return { name: topic.name, topicId: topic.id, errorCode: ErrorCode.NONE }
      }),
    }
  },
  errorResponse: (body, errorCode, version) => ({
    throttleTimeMs: 0,
    responses: namesOf(body, version).map((name) => ({ ...name, errorCode })),
  }),
})

function namesOf({ topics, topicNames }: Body, version: number) {
  return version >= TOPICS_FROM_VERSION
    ? topics.map(({ name, topicId }) => ({ name, topicId }))
    : topicNames.map((name) => ({ name, topicId: ZERO_UUID }))
}
