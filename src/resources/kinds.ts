/** All kinds of resources, by which a record's plan is read. */

import { addressingKind } from './addressing/addressing.ts';
import { bridgeKind } from './bridge/bridge.ts';
import { forwardAcceptKind } from './forward-accept/forward-accept.ts';
import { forwardingKind } from './forwarding/forwarding.ts';
import { gatewayKind } from './gateway/gateway.ts';
import { guardKind } from './guard/guard-kind.ts';
import { masqueradeKind } from './masquerade/backend.ts';
import { portKind } from './port/port.ts';
import type { Kind } from './resource.ts';
import { vlanGatewayKind } from './vlan/vlan-gateway.ts';

export const KINDS = [
  bridgeKind,
  vlanGatewayKind,
  gatewayKind,
  forwardAcceptKind,
  guardKind,
  portKind,
  addressingKind,
  masqueradeKind,
  forwardingKind,
] as readonly Kind<unknown>[];
