/** Adds partitions to a transaction; clients use versions up to 3. */
import { api } from '../schema/api.ts'
import { array, boolean, int16, int32, int64, string, struct } from '../schema/field.ts'

const addPartitionsToTxnTopic = { name: string(), partitions: array(int32()) }

const addPartitionsToTxnPartitionResult = { partitionIndex: int32(), partitionErrorCode: int16() }

const addPartitionsToTxnTopicResult = {
  name: string(),
  resultsByPartition: array(struct(addPartitionsToTxnPartitionResult)),
}

export const addPartitionsToTxn = api({
  apiKey: 24,
  name: 'AddPartitionsToTxn',
  versions: '0-5',
  flexible: '3+',
  request: {
    transactions: array(
      struct({
        transactionalId: string({ versions: '4+' }),
        producerId: int64({ versions: '4+' }),
        producerEpoch: int16({ versions: '4+' }),
        verifyOnly: boolean({ versions: '4+', default: false }),
        topics: array(struct(addPartitionsToTxnTopic), { versions: '4+' }),
      }),
      { versions: '4+' },
    ),
    v3AndBelowTransactionalId: string({ versions: '0-3' }),
    v3AndBelowProducerId: int64({ versions: '0-3' }),
    v3AndBelowProducerEpoch: int16({ versions: '0-3' }),
    v3AndBelowTopics: array(struct(addPartitionsToTxnTopic), { versions: '0-3' }),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16({ versions: '4+', ignorable: true }),
    resultsByTransaction: array(
      struct({
        transactionalId: string({ versions: '4+' }),
        topicResults: array(struct(addPartitionsToTxnTopicResult), { versions: '4+' }),
      }),
      { versions: '4+' },
    ),
    resultsByTopicV3AndBelow: array(struct(addPartitionsToTxnTopicResult), { versions: '0-3' }),
  },
})
