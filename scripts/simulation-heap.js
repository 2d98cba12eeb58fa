// What a process that plays many seeds is started with (`npm run simulate` says the same): a young
// generation that holds a seed, for half of what it made is garbage before it is looked at.
export const SIMULATION_HEAP = '--max-semi-space-size=64'
