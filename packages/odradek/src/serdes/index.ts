export { bytes, json, type Serde, string } from './serdes.ts'
export type {
  SerdeInput,
  StandardIssue,
  StandardResult,
  StandardSchema,
} from './standard-schema.ts'
export { type AnyTopic, type Topic, type TopicSerdes, topic } from './topic.ts'
