/** The address store's front door. */

export { amendRecord, type Lease, leaseAddresses, type PlanFor, recordAttachment } from './allocation.ts';
export type { Attachment, AttachmentRecord, Json, Netns, Owner, Pod } from './attachment.ts';
export {
  DEFAULT_DATA_DIR,
  dataDirOf,
  type IpamSection,
  ipamSchema,
  ipRangesSchema,
  type RangeSection,
} from './config.ts';
export { type Doomed, type Garbage, planGarbage, releaseGarbage, type ValidAttachments } from './garbage.ts';
export { type GenerationHint, readGenerationHint, writeGenerationHint } from './generation.ts';
export { type Host, isInPlace, type Machine, readHost, type Survivor } from './host.ts';
export { alive, dead, type HostVeth, judgeLife, judgeNetns, type Life, type Probes, unknown } from './life.ts';
export { type IpamInputs, type IpamPlan, planIpam } from './plan.ts';
export type { RangeSet } from './ranges.ts';
export { attachmentsOf, findRecord, listNetworks, listRecords, recordedAddresses, recordedIps } from './record.ts';
export { releaseAddresses } from './release.ts';
export { readResolvConf } from './resolv-conf.ts';
export { type RangeSetStatus, statusOf } from './status.ts';
export { verifyLeases } from './verify.ts';
