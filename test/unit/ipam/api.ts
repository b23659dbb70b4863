/** Everything of src/ipam that the store's tests call. */

export * from '../../../src/ipam/index.ts';
export { decodeLease, encodeLease, isHeldBy } from '../../../src/ipam/lease.ts';
export { createRecord, decodeRecord, encodeRecord } from '../../../src/ipam/record.ts';
