export { bytes, json, type Serde, string } from './serdes.ts'
export type {
  AnySerde,
  StandardIssue,
  StandardResult,
  StandardSchema,
} from './standard-schema.ts'
export {
  type AnyTopic,
  type SerdeIn,
  type SerdeOut,
  type Topic,
  type TopicSerdes,
  topic,
} from './topic.ts'
