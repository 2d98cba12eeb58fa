/** The committed vectors are what the oracle writes today. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { askForVectors, whyNoOracle } from './oracle.ts'
import { type BatchVector, VECTOR_FILES, type VectorFile, vectorLines } from './vector-files.ts'

const obstacle = whyNoOracle()

test('the oracle writes the same vectors again', { skip: obstacle ?? false }, () => {
  const textOf = askForVectors()
  for (const file of VECTOR_FILES) {
    const committed = vectorLines(file)
    const fresh = textOf(file).trimEnd().split('\n')
    assert.equal(fresh.length, committed.length, file)
    for (const [index, line] of fresh.entries()) {
      assert.equal(comparable(file, line), comparable(file, committed[index] ?? ''), file)
    }
  }
})

/** Compressors may choose other bytes on another machine; what is in them may not differ. */
function comparable(file: VectorFile, line: string): string {
  if (file !== 'batches') return line
  const vector = JSON.parse(line) as BatchVector
  return vector.codec === 'none' ? line : JSON.stringify({ ...vector, bytes: '' })
}
