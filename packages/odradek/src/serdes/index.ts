export { bytes, json, type Serde, string } from './serdes.ts'
export { type AnyTopic, type Topic, type TopicSerdes, topic } from './topic.ts'
