/** The address store's front door. */

export { amendRecord, type Lease, leaseAddresses, type PlanFor, recordAttachment } from './allocation.ts';
export type { Attachment, Json, Netns, Owner, Pod } from './attachment.ts';
export {
  DEFAULT_DATA_DIR,
  dataDirOf,
  type IpamSection,
  ipamSchema,
  ipRangesSchema,
  type RangeSection,
} from './config.ts';
export { type Doomed, type Garbage, planGarbage, releaseGarbage, type ValidAttachments } from './garbage.ts';
export { type Host, type Machine, readHost } from './host.ts';
export { alive, dead, isInPlace, type Life, unknown } from './life.ts';
export { type IpamInputs, type IpamPlan, planIpam, type RangeSet } from './plan.ts';
export { type AttachmentRecord, recordedAddresses, recordedIps } from './record.ts';
export { findRecord, listNetworks, listRecords } from './records.ts';
export { releaseAddresses } from './release.ts';
export { readResolvConf } from './resolvConf.ts';
export { type RangeSetStatus, statusOf } from './status.ts';
export { verifyLeases } from './verify.ts';
