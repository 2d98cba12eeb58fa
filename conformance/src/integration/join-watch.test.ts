/**
 * What a coordinator says of a join that is under way, by which a lost one is told from a parked.
 */
import assert from 'node:assert/strict'
import { Speaker } from './classic-speaker.test-kit.ts'
import { scenario } from './clusters.ts'

const NO_GENERATION = -1
const { NONE, UNKNOWN_MEMBER_ID, ILLEGAL_GENERATION, MEMBER_ID_REQUIRED } = {
  NONE: 0,
  UNKNOWN_MEMBER_ID: 25,
  ILLEGAL_GENERATION: 22,
  MEMBER_ID_REQUIRED: 79,
}

scenario(
  'a heartbeat without a generation tells whether the coordinator knows of a join',
  async (it) => {
    const groupId = it.uniqueName('watched')
    const kafka = it.client()
    const first = await Speaker.of(kafka, groupId)
    const second = await Speaker.of(it.client(), groupId)
    for (const one of [first, second]) {
      // The first join of a dynamic member is answered at once, whatever the group is about.
      const { errorCode, memberId } = await one.join()
      assert.equal(errorCode, MEMBER_ID_REQUIRED)
      one.memberId = memberId
      assert.equal(await one.heartbeat(NO_GENERATION), UNKNOWN_MEMBER_ID)
      if (one === second) break
      const joined = await one.join()
      assert.equal(joined.errorCode, NONE)
      assert.equal((await one.sync(joined.generationId)).errorCode, NONE)
    }
    // The group waits for the first member, who does not come back.
    const parked = second.join()
    let answer = UNKNOWN_MEMBER_ID
    while (answer === UNKNOWN_MEMBER_ID) answer = await second.heartbeat(NO_GENERATION)
    assert.equal(answer, ILLEGAL_GENERATION)
    await first.leave()
    assert.equal((await parked).errorCode, NONE)
    await second.leave()
  },
)
