import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errorInResponse } from './response-errors.ts'

test('an error code is found wherever in a response it is, with the message beside it', () => {
  const fine = { errorCode: 0, topics: [{ partitions: [{ errorCode: 0, records: Buffer.of(1) }] }] }
  assert.equal(errorInResponse(fine, 'Fetch by hand'), undefined)
  const nested = {
    errorCode: 0,
    results: [{ partitionErrorCode: 3, errorMessage: 'no such topic' }],
  }
  const error = errorInResponse(nested, 'AddPartitionsToTxn by hand')
  assert.equal(error?.code, 'UNKNOWN_TOPIC_OR_PARTITION')
  assert.match(error.message, /AddPartitionsToTxn by hand/)
  assert.equal(errorInResponse({ errorCode: 15 }, 'x')?.code, 'COORDINATOR_NOT_AVAILABLE')
})
