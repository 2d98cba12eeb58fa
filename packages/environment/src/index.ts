/** The only door to time, timers, randomness, sockets and threads: a real one and a virtual one. */
export { CallContext } from './call-context.ts'
export type * from './environment.ts'
export { realEnvironment } from './real/real-environment.ts'
export { threadContext } from './real/thread-context.ts'
export type { LinkRule } from './virtual/links.ts'
export type { VirtualNetwork } from './virtual/virtual-network.ts'
export type { VirtualProcess } from './virtual/virtual-process.ts'
export { VirtualWorld, type VirtualWorldOptions } from './virtual/virtual-world.ts'
