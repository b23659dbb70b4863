/** Numbers of nf_tables (linux/netfilter/nf_tables.h, nfnetlink.h, netfilter.h), under the kernel's names. */

export const NFNL_SUBSYS_NFTABLES = 10;
export const NFNL_MSG_BATCH_BEGIN = 16;
export const NFNL_MSG_BATCH_END = 17;
/** The ruleset's generation that a transaction was made for: the kernel refuses it with ERESTART in any other. */
export const NFNL_BATCH_GENID = 1;

export const NFT_MSG_NEWTABLE = 0;
export const NFT_MSG_GETTABLE = 1;
export const NFT_MSG_DELTABLE = 2;
export const NFT_MSG_NEWCHAIN = 3;
export const NFT_MSG_GETCHAIN = 4;
export const NFT_MSG_DELCHAIN = 5;
export const NFT_MSG_NEWRULE = 6;
export const NFT_MSG_GETRULE = 7;
export const NFT_MSG_DELRULE = 8;
export const NFT_MSG_NEWSET = 9;
export const NFT_MSG_GETSET = 10;
export const NFT_MSG_DELSET = 11;
export const NFT_MSG_NEWSETELEM = 12;
export const NFT_MSG_GETSETELEM = 13;
export const NFT_MSG_DELSETELEM = 14;
export const NFT_MSG_GETGEN = 16;
export const NFT_MSG_TRACE = 17;

export const NFTA_GEN_ID = 1;

export const NFPROTO_INET = 1;
export const NFPROTO_NETDEV = 5;
export const NFPROTO_ARP = 3;
export const NFPROTO_IPV4 = 2;
export const NFPROTO_BRIDGE = 7;
export const NFPROTO_IPV6 = 10;
export const NF_INET_PRE_ROUTING = 0;
export const NF_INET_FORWARD = 2;
export const NF_INET_POST_ROUTING = 4;
export const NF_DROP = 0;
export const NF_ACCEPT = 1;
/** Verdicts of nf_tables beside the packet filter's own, as 32 bits without sign. */
export const NFT_JUMP = 0xffff_fffd;
export const NFT_GOTO = 0xffff_fffc;
export const NFT_RETURN = 0xffff_fffb;
export const NFT_BREAK = 0xffff_fffe;
export const NFT_CONTINUE = 0xffff_ffff;
/** Below it are the packet filter's own verdicts, whose low byte says which. */
export const FIRST_NFT_VERDICT = NFT_RETURN;
export const NF_VERDICT_MASK = 0xff;
export const NF_STOLEN = 2;
export const NF_QUEUE = 3;
/** nft's `srcnat`. */
export const NF_IP_PRI_NAT_SRC = 100;
export const NF_BR_PRE_ROUTING = 0;
export const NF_BR_LOCAL_IN = 1;
/** Of the bridge family (linux/netfilter_bridge.h): before everything else that has a name. */
export const NF_BR_PRI_NAT_DST_BRIDGED = -300;

export const NFTA_LIST_ELEM = 1;
export const NFTA_DATA_VALUE = 1;
export const NFTA_DATA_VERDICT = 2;
export const NFTA_VERDICT_CODE = 1;
export const NFTA_VERDICT_CHAIN = 2;

export const NFTA_TABLE_NAME = 1;
export const NFTA_TABLE_FLAGS = 2;
/** The kernel removes the table when the socket that made it closes (Linux 5.12). */
export const NFT_TABLE_F_OWNER = 0x2;
/** How many chains, sets and objects are in it. */
export const NFTA_TABLE_USE = 3;

export const NFTA_CHAIN_TABLE = 1;
export const NFTA_CHAIN_NAME = 3;
export const NFTA_CHAIN_HOOK = 4;
export const NFTA_CHAIN_POLICY = 5;
/** How many rules are in it, and how many lead to it. */
export const NFTA_CHAIN_USE = 6;
export const NFTA_CHAIN_TYPE = 7;
export const NFTA_HOOK_HOOKNUM = 1;
export const NFTA_HOOK_PRIORITY = 2;

export const NFTA_RULE_TABLE = 1;
export const NFTA_RULE_CHAIN = 2;
export const NFTA_RULE_HANDLE = 3;
export const NFTA_RULE_EXPRESSIONS = 4;
/** The handle of the rule that a new one goes in front of. */
export const NFTA_RULE_POSITION = 6;
export const NFTA_RULE_USERDATA = 7;
/** libnftnl's type of a rule's comment in its user data. */
export const NFTNL_UDATA_RULE_COMMENT = 0;

export const NFTA_SET_TABLE = 1;
export const NFTA_SET_NAME = 2;
export const NFTA_SET_KEY_TYPE = 4;
export const NFTA_SET_KEY_LEN = 5;
export const NFTA_SET_ID = 10;
export const NFTA_SET_USERDATA = 13;
/** libnftnl's type of a key's byte order in a set's user data, and nft's number of the host's. */
export const NFTNL_UDATA_SET_KEYBYTEORDER = 0;
export const BYTEORDER_HOST_ENDIAN = 1;
/** nft's numbers of its data types; to the kernel they mean nothing, to `nft list` how to print a key. */
export const TYPE_IPADDR = 7;
export const TYPE_IP6ADDR = 8;
export const TYPE_ETHERADDR = 9;
export const TYPE_IFNAME = 41;
/** A concatenation's number is made of its parts', so many bits each. */
export const TYPE_BITS = 6;

export const NFTA_SET_ELEM_LIST_TABLE = 1;
export const NFTA_SET_ELEM_LIST_SET = 2;
export const NFTA_SET_ELEM_LIST_ELEMENTS = 3;
export const NFTA_SET_ELEM_KEY = 1;
export const NFTA_SET_ELEM_USERDATA = 6;
/** libnftnl's type of an element's comment in its user data. */
export const NFTNL_UDATA_SET_ELEM_COMMENT = 0;

export const NFTA_EXPR_NAME = 1;
export const NFTA_EXPR_DATA = 2;

export const NFT_REG_VERDICT = 0;
export const NFT_REG_1 = 1;
/** The 16 bytes behind those of register 1: a key of several parts lies in both. */
export const NFT_REG_2 = 2;

export const NFTA_IMMEDIATE_DREG = 1;
export const NFTA_IMMEDIATE_DATA = 2;

export const NFTA_META_DREG = 1;
export const NFTA_META_KEY = 2;
export const NFTA_META_SREG = 3;
export const NFT_META_IIFNAME = 6;
export const NFT_META_OIFNAME = 7;
export const NFT_META_PROTOCOL = 1;
export const NFT_META_NFPROTO = 15;
export const NFT_META_L4PROTO = 16;
export const NFT_META_NFTRACE = 12;

export const NFTA_CMP_SREG = 1;
export const NFTA_CMP_OP = 2;
export const NFTA_CMP_DATA = 3;
export const NFT_CMP_EQ = 0;
export const NFT_CMP_NEQ = 1;

export const NFTA_PAYLOAD_DREG = 1;
export const NFTA_PAYLOAD_BASE = 2;
export const NFTA_PAYLOAD_OFFSET = 3;
export const NFTA_PAYLOAD_LEN = 4;
export const NFT_PAYLOAD_LL_HEADER = 0;
export const NFT_PAYLOAD_NETWORK_HEADER = 1;
export const NFT_PAYLOAD_TRANSPORT_HEADER = 2;

export const NFTA_BITWISE_SREG = 1;
export const NFTA_BITWISE_DREG = 2;
export const NFTA_BITWISE_LEN = 3;
export const NFTA_BITWISE_MASK = 4;
export const NFTA_BITWISE_XOR = 5;

/** NFTA_MATCH_NAME and NFTA_TARGET_NAME. */
export const NFTA_EXTENSION_NAME = 1;
export const NFTA_MATCH_REV = 2;
export const NFTA_MATCH_INFO = 3;

export const NFTA_CT_DREG = 1;
export const NFTA_CT_KEY = 2;
export const NFT_CT_STATE = 0;
export const NFT_CT_STATUS = 2;

export const NFTA_LOOKUP_SET = 1;
export const NFTA_LOOKUP_SREG = 2;
export const NFTA_LOOKUP_DREG = 3;
export const NFTA_LOOKUP_FLAGS = 5;
/** It matches what the set does not hold. */
export const NFT_LOOKUP_F_INV = 1;
export const NFTA_MASQ_FLAGS = 1;

/** Attributes of a notification that nf_tables traces a packet with. */
export const NFTA_TRACE_TABLE = 1;
export const NFTA_TRACE_CHAIN = 2;
export const NFTA_TRACE_RULE_HANDLE = 3;
export const NFTA_TRACE_TYPE = 4;
export const NFTA_TRACE_VERDICT = 5;
export const NFTA_TRACE_ID = 6;
export const NFTA_TRACE_LL_HEADER = 7;
export const NFTA_TRACE_NETWORK_HEADER = 8;
export const NFTA_TRACE_TRANSPORT_HEADER = 9;
export const NFTA_TRACE_IIF = 10;
export const NFTA_TRACE_OIF = 12;
export const NFTA_TRACE_MARK = 14;
export const NFTA_TRACE_NFPROTO = 15;
export const NFTA_TRACE_POLICY = 16;
export const NFT_TRACETYPE_POLICY = 1;
export const NFT_TRACETYPE_RETURN = 2;
export const NFT_TRACETYPE_RULE = 3;
