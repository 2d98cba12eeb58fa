/** State and members of Streams groups. */
import { api } from '../schema/api.ts'
import {
  array,
  boolean,
  int16,
  int32,
  int8,
  safeInt64,
  string,
  struct,
  uint16,
} from '../schema/field.ts'

const keyValue = { key: string(), value: string() }

const topicInfo = {
  name: string(),
  partitions: int32(),
  replicationFactor: int16(),
  topicConfigs: array(struct(keyValue)),
}

const endpoint = { host: string(), port: uint16() }

const taskOffset = { subtopologyId: string(), partition: int32(), offset: safeInt64() }

const taskIds = { subtopologyId: string(), partitions: array(int32()) }

const assignment = {
  activeTasks: array(struct(taskIds)),
  standbyTasks: array(struct(taskIds)),
  warmupTasks: array(struct(taskIds)),
}

const topologyDescriptionNode = {
  name: string({ versions: '1+' }),
  nodeType: int8({ versions: '1+' }),
  sourceTopics: array(string(), { versions: '1+' }),
  sinkTopic: string({ versions: '1+', nullable: '1+', default: null }),
  stores: array(string(), { versions: '1+' }),
  successors: array(string(), { versions: '1+' }),
}

const topologyDescriptionSubtopology = {
  subtopologyId: string({ versions: '1+' }),
  nodes: array(struct(topologyDescriptionNode), { versions: '1+' }),
}

const topologyDescriptionGlobalStore = {
  source: struct(topologyDescriptionNode, { versions: '1+' }),
  processor: struct(topologyDescriptionNode, { versions: '1+' }),
}

const topologyDescription = {
  subtopologies: array(struct(topologyDescriptionSubtopology), { versions: '1+' }),
  globalStores: array(struct(topologyDescriptionGlobalStore), { versions: '1+' }),
}

export const streamsGroupDescribe = api({
  apiKey: 89,
  name: 'StreamsGroupDescribe',
  versions: '0-1',
  flexible: '0+',
  request: {
    groupIds: array(string()),
    includeAuthorizedOperations: boolean(),
    includeTopologyDescription: boolean({ versions: '1+', default: false }),
  },
  response: {
    throttleTimeMs: int32(),
    groups: array(
      struct({
        errorCode: int16(),
        errorMessage: string({ nullable: '0+', default: null }),
        groupId: string(),
        groupState: string(),
        groupEpoch: int32(),
        assignmentEpoch: int32(),
        topology: struct(
          {
            epoch: int32(),
            subtopologies: array(
              struct({
                subtopologyId: string(),
                sourceTopics: array(string()),
                repartitionSinkTopics: array(string()),
                stateChangelogTopics: array(struct(topicInfo)),
                repartitionSourceTopics: array(struct(topicInfo)),
              }),
              { nullable: '0+', default: null },
            ),
          },
          { nullable: '0+', default: null },
        ),
        members: array(
          struct({
            memberId: string(),
            memberEpoch: int32(),
            instanceId: string({ nullable: '0+', default: null }),
            rackId: string({ nullable: '0+', default: null }),
            clientId: string(),
            clientHost: string(),
            topologyEpoch: int32(),
            processId: string(),
            userEndpoint: struct(endpoint, { nullable: '0+', default: null }),
            clientTags: array(struct(keyValue)),
            taskOffsets: array(struct(taskOffset)),
            taskEndOffsets: array(struct(taskOffset)),
            assignment: struct(assignment),
            targetAssignment: struct(assignment),
            isClassic: boolean(),
          }),
        ),
        authorizedOperations: int32({ default: -2147483648 }),
        topologyDescription: struct(topologyDescription, {
          versions: '1+',
          nullable: '1+',
          default: null,
        }),
        topologyDescriptionStatus: int8({ versions: '1+', default: 0 }),
        assignorName: string({ versions: '1+', nullable: '1+', default: null, ignorable: true }),
      }),
    ),
  },
})
