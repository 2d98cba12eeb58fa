/** Where a configuration value comes from, and what it belongs to, as the protocol numbers them. */
export const CONFIG_SOURCE = { topic: 1, staticBroker: 4, default: 5, group: 8 } as const
export const RESOURCE_TYPE = { topic: 2, broker: 4, group: 32 } as const
