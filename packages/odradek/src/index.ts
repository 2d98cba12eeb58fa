export * from './errors/index.ts'
export { Kafka } from './kafka.ts'
export { Producer } from './producer/producer.ts'
