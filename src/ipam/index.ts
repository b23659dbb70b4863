/** What src/ipam offers to plugins and resources. */

export { amendRecord, type Lease, leaseAddresses, recordAttachment } from './allocation.ts';
export type { Attachment, AttachmentRecord, Json, Netns, Owner, Pod } from './attachment.ts';
export { DEFAULT_DATA_DIR, dataDirOf, type IpamSection, ipamSchema } from './config.ts';
export { type Doomed, planGarbage, releaseGarbage, type ValidAttachments } from './garbage.ts';
export { type GenerationHint, readGenerationHint, writeGenerationHint } from './generation.ts';
export { type Host, readHost, type Survivor } from './host.ts';
export {
  abortedLeases,
  brokenRecords,
  leasesWithoutRecord,
  storedNetworks,
  type UnrecordedLeases,
} from './inventory.ts';
export { alive, dead, type HostVeth, judgeLife, type Life, type Probes, unknown } from './life.ts';
export { type IpamPlan, planIpam } from './plan.ts';
export {
  attachmentsOf,
  findRecord,
  isBeingRemoved,
  listNetworks,
  listRecords,
  markRemoval,
  recordedAddresses,
} from './record.ts';
export { releaseAddresses, withoutRecord } from './release.ts';
export { readResolvConf } from './resolv-conf.ts';
export { type RangeSetStatus, rangeUsage, statusOf } from './status.ts';
export { verifyLeases } from './verify.ts';
