export { murmur2, partitionOfKey } from './murmur2.ts'
