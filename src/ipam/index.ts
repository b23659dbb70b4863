/** What src/ipam offers to plugins and resources. */

export { amendRecord, type Lease, leaseAddresses, recordAttachment } from './allocation.ts';
export {
  type Attachment,
  type AttachmentRecord,
  type Json,
  type Netns,
  type Owner,
  type Pod,
  podText,
} from './attachment.ts';
export { type Company, joinCompany } from './company.ts';
export { DEFAULT_DATA_DIR, dataDirOf, type IpamSection, ipamSchema } from './config.ts';
export { type Doomed, planGarbage, releaseGarbage, type ValidAttachments } from './garbage.ts';
export { type GenerationHint, readGenerationHint, writeGenerationHint } from './generation.ts';
export { type Host, readHost, type Survivor } from './host.ts';
export {
  abortedLeases,
  isNewNetwork,
  type LeaseLook,
  leaseNames,
  leasesWithoutRecord,
  lookAtLease,
  storedNetworks,
  type UnrecordedLeases,
} from './inventory.ts';
export { alive, dead, type HostVeth, judgeLife, type Life, type Probes, unknown } from './life.ts';
export { type IpamPlan, planIpam } from './plan.ts';
export { countIn, sizeOfSet } from './ranges.ts';
export {
  attachmentsOf,
  type BrokenRecord,
  findBrokenRecords,
  findRecord,
  isBeingRemoved,
  listNetworks,
  listRecords,
  markRemoval,
  recordedAddresses,
  recordFile,
} from './record.ts';
export { releaseAddresses, withoutRecord } from './release.ts';
export { readResolvConf } from './resolv-conf.ts';
export { type RangeSetStatus, rangeUsage, statusOf } from './status.ts';
export { ownRoot } from './store.ts';
export { verifyLeases } from './verify.ts';
